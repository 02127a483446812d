"""What should not be lost while a new rink is learnt: frames of other rinks.

Belongs here: which of them are trained on again, what is lost on the others, which way to go then
and how far. Does not belong here: weights between two networks and the rule (``blend``, ``merge``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.hockey.training.blend import CAREFUL, SHARES, blended, choose_share
from jarvis_dagster.hockey.training.dataset import read_export
from jarvis_dagster.hockey.training.holdout import hold_out
from jarvis_dagster.hockey.training.judge import Figures, measured, most_lost, worth
from jarvis_dagster.hockey.training.merge import entering, merging
from jarvis_dagster.hockey.training.shrink import shrunk
from jarvis_dagster.hockey.training.vetting import vetted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.hockey.training.build import Plan
    from jarvis_dagster.hockey.training.dataset import Sample
    from jarvis_dagster.hockey.training.net import HockeyNet

__all__ = ["MERGED_SHARES", "kept_frames", "share_to_go", "way_of"]

MERGED_SHARES = (0.0, 0.05, 0.1, 0.25, 0.5)
"""To be measured where networks are merged: how much the trained one counts."""


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


def way_of(
    first: HockeyNet, tuned: HockeyNet, seen: Sequence[Sample], replayed: Sequence[Sample]
) -> tuple[Callable[[float], HockeyNet], Sequence[float]]:
    """The networks between ``first`` and ``tuned``, and which of them are to be measured.

    They lie on the straight line; where other rinks were trained on again (``replayed``) beside
    the new one (``seen``), they are those that keep most of what the first one answers there.
    """
    if not replayed:
        return (lambda share: blended(first, tuned, share)), SHARES
    before, now = entering(first, replayed), entering(tuned, seen)
    return merging(first, tuned, before, now), MERGED_SHARES


def share_to_go(
    plan: Plan,
    way: Callable[[float], HockeyNet],
    shares: Sequence[float],
    held_out: Sequence[Sample],
    kept: Mapping[str, Sequence[Sample]],
    write: Callable[[HockeyNet], Path],
    progress: Callable[[str, int, int], None],
) -> float:
    """Which of ``shares`` of a ``way`` to go; ``write`` makes a file of a network."""
    if plan.share is not None:
        return plan.share
    if not held_out or not kept:
        return CAREFUL
    value, lost = dict.fromkeys(shares, 0.0), dict.fromkeys(shares, 0.0)
    before: dict[str, Figures] = {}
    for number, share in enumerate(shares, 1):
        model = write(way(share))
        value[share] = worth(measured(model, held_out, one_look=True))
        for name, frames in kept.items():
            found = measured(model, frames, one_look=True)
            lost[share] = max(lost[share], most_lost(before.setdefault(name, found), found))
        model.unlink()
        progress("blend", number, len(shares))
    return choose_share(value, lost)
