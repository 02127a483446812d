"""What ``jarvis models shadow`` does: two models on one video file.

Belongs here: running both and keeping the picture. Does not belong here: options and what is
printed (``models``), the figures (``hockey/promotion``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.hockey.promotion.shadow import Disagreement
    from jarvis_dagster.promoting import Arena, Contender

__all__ = ["run_shadow"]


def run_shadow(
    video: Path,
    arena: Arena,
    champion: Contender,
    challenger: Contender,
    stride: int,
    threads: int | None,
    progress: Callable[[str, int, int], None],
    picture: Path | None,
) -> Disagreement:
    """Run both on the same frames; the video and its results stay as they are.

    Raises:
        BadVideoError: the file is not a readable video.
    """
    from jarvis_dagster.hockey.detection import detect_video, load_detector
    from jarvis_dagster.hockey.promotion.shadow import disagreement, draw_differences
    from jarvis_dagster.hockey.video import save_jpeg

    tables = []
    for one in (champion, challenger):
        model, roles = arena.files_of(one)
        step = f"Looking with {one.label}"
        table, _ = detect_video(
            video,
            load_detector(model, roles=roles, threads=threads),
            stride=stride,
            progress=lambda done, total, step=step: progress(step, done, total),  # type: ignore[misc]
        )
        tables.append(table)
    before, after = tables
    found = disagreement(before, after)
    if picture is not None:
        drawn = draw_differences(video, before, after, found)
        if drawn is not None:
            save_jpeg(drawn, picture)
    return found
