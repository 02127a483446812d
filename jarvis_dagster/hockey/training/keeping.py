"""What should not be lost while a new rink is learnt: what the start remembers, and frames.

Belongs here: which frames of other rinks are trained on again, what is lost on the others, which
way to go then and how far, and what is remembered at its end. Does not belong here: weights
between two networks and the rule (``blend``, ``merge``), memory itself (``memory``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from jarvis_dagster.hockey.training.blend import CAREFUL, SHARES, blended, choose_share
from jarvis_dagster.hockey.training.dataset import read_export
from jarvis_dagster.hockey.training.holdout import hold_out
from jarvis_dagster.hockey.training.judge import Figures, measured, most_lost, worth
from jarvis_dagster.hockey.training.memory import Memory, mean_of
from jarvis_dagster.hockey.training.merge import entering, merging
from jarvis_dagster.hockey.training.shrink import shrunk
from jarvis_dagster.hockey.training.vetting import vetted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.training.build import Plan
    from jarvis_dagster.hockey.training.dataset import Sample
    from jarvis_dagster.hockey.training.merge import Entering
    from jarvis_dagster.hockey.training.net import HockeyNet

__all__ = ["MERGED_SHARES", "Known", "Way", "kept_frames", "share_to_go", "way_of"]

_MERGED = 0.25
"""How much the trained network counts where no frames of other rinks tell what is lost there. Table
C of the model card has what other shares bring and lose."""
MERGED_SHARES = (0.0, 0.1, _MERGED, 0.4, 0.6)
"""To be measured where networks are merged."""


@dataclasses.dataclass(frozen=True)
class Known:
    """What of other rinks is at hand."""

    memory: Memory | None = None
    """What the start remembers."""
    replayed: Sequence[Sample] = ()
    """Frames that are trained on again."""
    rinks: int = 1
    """That these are of."""


@dataclasses.dataclass(frozen=True)
class Way:
    """The networks between the start and where training arrived."""

    at: Callable[[float], HockeyNet]
    """By how much of what was learnt counts."""
    shares: Sequence[float]
    """To be measured, the start (0) first."""
    careful: float
    """As far as is gone where nothing tells what is lost."""
    rinks: int
    """Whose answers are kept; 0 on the straight line."""
    before: Entering = dataclasses.field(default_factory=dict, repr=False)
    """What entered the start on them."""

    def remembered(self, net: HockeyNet, seen: Sequence[Sample]) -> Memory | None:
        """What ``net``, at the end of the way, is to keep when it learns again.

        None on the straight line: what it has seen elsewhere is not known, and a memory of the new
        rink alone would pass for all.
        """
        if not self.rinks:
            return None
        parts = [(self.rinks, self.before), (1, entering(net, seen))]
        return Memory.of(mean_of(parts), self.rinks + 1)


def kept_frames(
    plan: Plan, start: Path, copies: Path, say: Callable[[str], None]
) -> tuple[list[Sample], dict[str, list[Sample]]]:
    """Frames of other rinks: to train on again, and by export those that tell what is lost.

    Of an export one video tells, and the others are trained on; of a single video all frames
    tell, since neighbours of what is trained on would flatter. Smaller copies of those trained on
    are written to ``copies``, apart by export: pictures of two exports may have the same name.
    """
    replayed: list[Sample] = []
    judged: dict[str, list[Sample]] = {}
    for number, folder in enumerate(plan.keep, 1):
        samples, warnings = vetted(read_export(folder, aspect=plan.aspect), folder, start)
        for text in warnings:
            say(text)
        split = hold_out(samples)
        whole = not split.warning
        replayed += shrunk(split.training, copies / f"kept_{number}") if whole else []
        name = f"kept: {folder.name}"
        judged[f"{name} {number}" if name in judged else name] = (
            split.held_out if whole else samples
        )
    return replayed, judged


def way_of(first: HockeyNet, tuned: HockeyNet, seen: Sequence[Sample], known: Known) -> Way:
    """The networks between ``first`` and ``tuned``, which was trained on a new rink (``seen``).

    Where nothing is ``known`` of other rinks they lie on the straight line; else they are those
    that keep most of what the first one answers there. Each rink counts the same, whether it is
    remembered or its frames were trained on again.
    """
    parts = []
    if known.memory is not None:
        parts.append((known.memory.rinks, known.memory.products()))
    if known.replayed:
        parts.append((known.rinks, entering(first, known.replayed)))
    if not parts:
        return Way(lambda share: blended(first, tuned, share), SHARES, CAREFUL, 0)
    before = mean_of(parts)
    at = merging(first, tuned, before, entering(tuned, seen))
    return Way(at, MERGED_SHARES, _MERGED, sum(count for count, _ in parts), before)


def share_to_go(
    way: Way,
    held_out: Sequence[Sample],
    kept: Mapping[str, Sequence[Sample]],
    write: Callable[[HockeyNet], Path],
    progress: Callable[[str, int, int], None],
) -> float:
    """How far to go on a ``way``; ``write`` makes a file of a network."""
    if not held_out or not kept:
        return way.careful
    value, lost = dict.fromkeys(way.shares, 0.0), dict.fromkeys(way.shares, 0.0)
    before: dict[str, Figures] = {}
    for number, share in enumerate(way.shares, 1):
        model = write(way.at(share))
        value[share] = worth(measured(model, held_out, one_look=True))
        for name, frames in kept.items():
            found = measured(model, frames, one_look=True)
            lost[share] = max(lost[share], most_lost(before.setdefault(name, found), found))
        model.unlink()
        progress("blend", number, len(way.shares))
    return choose_share(value, lost)
