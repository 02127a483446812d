"""``jarvis review list|export|import``: frames to label, and labels that come back.

Belongs here: from names to runs in this process. Does not belong here: what the runs do
(``assets/toolchain/review``), options and help (``review``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.commands.corrections import partition_of
from jarvis_dagster.commands.run import servers
from jarvis_dagster.commands.running_here import run_here
from jarvis_dagster.commands.upload import dagster_instance
from jarvis_dagster.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dagster as dg
    from rich.console import Console

    from jarvis_dagster.settings import Settings

__all__ = ["Shop", "export", "opened", "read_labels", "worth_a_look"]

_MOST_TRACKS = 20


@dataclasses.dataclass(frozen=True)
class Shop:
    """What the commands work with."""

    settings: Settings
    instance: dg.DagsterInstance

    def partitions(self, videos: Sequence[str]) -> list[str]:
        """The partitions of these videos; all for none."""
        from jarvis_dagster.assets.partitions import VIDEOS

        if videos:
            return [partition_of(self.instance, video) for video in videos]
        return sorted(self.instance.get_dynamic_partitions(VIDEOS.name or ""))


@contextlib.contextmanager
def opened(settings: Settings, console: Console) -> Iterator[Shop]:
    """The Dagster instance and the servers that the commands need."""
    with dagster_instance(settings) as instance, servers(settings, console, False):
        yield Shop(settings, instance)


def worth_a_look(
    shop: Shop, videos: Sequence[str], count: int, gap_s: float
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Frames to label and tracks to settle, as plain rows, the most telling first."""
    from jarvis_dagster.assets.toolchain.review import chosen_frames, labelled_frames
    from jarvis_dagster.hockey.review.signals import doubtful_tracks
    from jarvis_dagster.resources.workspace import Workspace
    from jarvis_dagster.wiring import core_services

    storage = core_services(shop.settings).storage_service
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        spaces = {
            key: Workspace(key, Path(scratch) / key, storage) for key in shop.partitions(videos)
        }
        known = labelled_frames(Workspace("review", Path(scratch) / "review", storage))
        tables, chosen = chosen_frames(spaces, count, gap_s=gap_s, known=known)
    frames = [
        {
            "video": choice.candidate.video,
            "frame": choice.candidate.frame,
            "pts_s": round(choice.candidate.pts_s, 2),
            "worth": round(choice.worth, 2),
            "reasons": list(choice.candidate.reasons),
        }
        for choice in chosen
    ]
    tracks = [row for one in tables.values() for row in doubtful_tracks(one)]
    tracks.sort(key=lambda row: -float(str(row["worth"])))
    return frames, tracks[:_MOST_TRACKS]


def export(
    shop: Shop, videos: Sequence[str], count: int, gap_s: float, *, second_look: bool, more: bool
) -> dict[str, Any]:
    """Make the task and put it into the drive; its folder and counts."""
    config = {
        "videos": shop.partitions(videos) if videos else [],
        "count": count,
        "gap_s": gap_s,
        "second_look": second_look,
        "more": more,
    }
    return _run(shop, "queue_for_review", "toolchain__review_queue", config)


def read_labels(shop: Shop, source: str) -> dict[str, Any]:
    """Read corrected labels; how many, of what, and how far Jarvis agreed."""
    local = Path(source).expanduser()
    named = str(local.absolute()) if local.exists() else source
    done = _run(shop, "read_labels", "toolchain__labels", {"source": named})
    left_out = ("by_video", "seconds", "source")
    return {name: value for name, value in done.items() if name not in left_out}


def _run(shop: Shop, job: str, op: str, config: dict[str, Any]) -> dict[str, Any]:
    """Run one asset in this process; its metadata as plain values.

    Raises:
        PermanentError: it failed; the message is its own.
    """
    from jarvis_dagster.build import build_definitions

    result = run_here(build_definitions(), job, shop.instance, ops={op: {"config": config}})
    made = result.asset_materializations_for_node(op)
    if not made:
        raise PermanentError(
            "Nothing was taken yet: a person has to approve it first.", "`jarvis approvals list`."
        )
    return {name: value.value for name, value in made[0].metadata.items()}
