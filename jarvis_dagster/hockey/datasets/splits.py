"""Training, validation and test parts of a dataset: whole videos, and no near copy across.

Belongs here: choosing videos, refusing leakage. Does not belong here: finding near copies
(``duplicates``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets.duplicates import find_near_copies, linked_videos

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.hockey.datasets.duplicates import NearCopies
    from jarvis_dagster.hockey.datasets.model import Dataset

__all__ = ["PARTS", "Split", "require_no_leakage", "split_dataset"]

PARTS = ("training", "validation", "test")


@dataclasses.dataclass(frozen=True)
class Split:
    """Which videos are for what."""

    dataset: str
    """The version that it is of."""
    training: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def part(self, name: str) -> tuple[str, ...]:
        """The videos of a part."""
        return {"training": self.training, "validation": self.validation, "test": self.test}[name]

    @property
    def held_out(self) -> tuple[str, ...]:
        """What is never trained on."""
        return self.validation + self.test

    @property
    def id(self) -> str:
        """The start of the hash of all that it says."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()[:12]

    def to_json(self) -> dict[str, Any]:
        """For a file."""
        parts = {name: sorted(self.part(name)) for name in PARTS}
        return {"dataset": self.dataset, **parts}

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> Split:
        """Back from a file.

        Raises:
            BadInputError: it is not what :meth:`to_json` made.
        """
        try:
            return cls(content["dataset"], *(tuple(content[name]) for name in PARTS))
        except (KeyError, TypeError) as error:
            raise BadInputError(
                "The split is damaged.", "Make it again by `jarvis dataset split`."
            ) from error


def split_dataset(
    dataset: Dataset,
    *,
    test: Sequence[str] = (),
    validation: Sequence[str] = (),
    validation_share: float = 0.15,
    test_share: float = 0.15,
    copies: NearCopies | None = None,
) -> Split:
    """Split by video; videos that share pictures stay together.

    Named videos go where they are named. Otherwise the videos whose share of the boxes comes
    closest to what is asked for are taken, rare classes counting as much as common ones; the
    same dataset is always split alike.

    Args:
        copies: What :func:`find_near_copies` found; None looks.

    Raises:
        BadInputError: an unknown video, one that is named twice, too few videos, or near copies
            of pictures on both sides of what was named.
    """
    labelled = dataclasses.replace(dataset, pictures=dataset.labelled)
    _require_known(labelled, [*test, *validation])
    copies = copies or find_near_copies(labelled.pictures)
    groups = linked_videos(copies, labelled.videos)
    if len(groups) < 2:
        raise BadInputError(
            f"{dataset.name} is of one video, or of videos that share pictures:"
            f" {', '.join(labelled.videos)}.",
            "Add frames of another game; frames of one video are near copies, and figures on"
            " them mean nothing.",
        )
    parts: dict[str, list[str]] = {"test": list(test), "validation": list(validation)}
    free = [group for group in groups if not set(group) & {*test, *validation}]
    for name, share in (("test", test_share), ("validation", validation_share)):
        enough = len(free) >= (3 if name == "test" and not validation else 2)
        if not parts[name] and share > 0 and (enough or (name == "test" and len(free) >= 2)):
            taken = _closest(labelled, free, share)
            parts[name] = list(taken)
            free.remove(taken)
    held_out = {*parts["test"], *parts["validation"]}
    training = [video for video in labelled.videos if video not in held_out]
    split = Split(
        dataset.version,
        tuple(sorted(training)),
        tuple(sorted(parts["validation"])),
        tuple(sorted(parts["test"])),
    )
    require_no_leakage(split, copies)
    if not training:
        raise BadInputError("No video is left to train on.", "Hold fewer out.")
    return split


def _require_known(dataset: Dataset, named: Sequence[str]) -> None:
    unknown = sorted(set(named) - set(dataset.videos))
    if unknown:
        raise BadInputError(
            f"No labelled picture is of {', '.join(unknown)}.",
            f"Videos: {', '.join(dataset.videos)}.",
        )
    if len(set(named)) < len(named):
        raise BadInputError("A video is named twice.", "Each is in one part alone.")


def _closest(dataset: Dataset, groups: Sequence[tuple[str, ...]], share: float) -> tuple[str, ...]:
    """The group whose shares of pictures and of each class are closest to ``share``."""
    counts = dataset.counts()
    pictures = dict.fromkeys(dataset.videos, 0)
    for picture in dataset.pictures:
        pictures[picture.video] += 1
    totals = [len(dataset.pictures)] + [
        sum(row[kind] for row in counts.values()) for kind in dataset.classes
    ]

    def distance(group: tuple[str, ...]) -> float:
        own = [sum(pictures[video] for video in group)] + [
            sum(counts[video][kind] for video in group) for kind in dataset.classes
        ]
        shares = [part / total for part, total in zip(own, totals, strict=True) if total]
        return sum(abs(value - share) for value in shares) / len(shares)

    return min(groups, key=lambda group: (distance(group), group))


def require_no_leakage(split: Split, copies: NearCopies) -> None:
    """Refuse a split with a video, or near copies of a picture, in two parts.

    Raises:
        BadInputError: naming the videos and a pair of pictures.
    """
    side: dict[str, str] = {}
    for name in PARTS:
        for video in split.part(name):
            if video in side:
                raise BadInputError(
                    f"{video} is in {side[video]} and in {name}.", "Each video is in one part."
                )
            side[video] = name
    leaks = [
        pair
        for pair in copies.across
        if side.get(pair.a.video, "") != side.get(pair.b.video, "")
        and {pair.a.video, pair.b.video} <= set(side)
    ]
    if leaks:
        pair = leaks[0]
        raise BadInputError(
            f"{len(leaks)} near copies stand on both sides of the split, such as {pair.a.name}"
            f" of {pair.a.video} ({side[pair.a.video]}) and {pair.b.name} of {pair.b.video}"
            f" ({side[pair.b.video]}).",
            "Keep these videos in one part; they are of the same footage.",
        )
