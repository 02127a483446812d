"""The challenger looks at parts of a video, beside what the champion found there.

Belongs here: running it as the champion ran. Does not belong here: comparing and drawing
(``hockey/promotion``), where the record is kept (``shadows``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import pandas as pd

    from jarvis_dagster.hockey.promotion.shadow import Disagreement
    from jarvis_dagster.promoting.arena import Arena, Contender

__all__ = ["Looked", "look_at_parts"]


@dataclasses.dataclass(frozen=True)
class Looked:
    """What both found in the same parts of a video.

    Attributes:
        before, after: Detections of the champion and of the challenger.
        version: Of the challenger's detector.
        parameters_id: Of what the video was corrected with, for both.
    """

    before: pd.DataFrame
    after: pd.DataFrame
    found: Disagreement
    version: str
    parameters_id: str
    content: dict[str, Any]


def look_at_parts(
    arena: Arena,
    challenger: Contender,
    path: Path,
    facts: Mapping[str, Any],
    usual: Mapping[str, Any],
    detections: pd.DataFrame,
    progress: Callable[[int, int], None],
) -> Looked:
    """Let the challenger look at parts of a video, corrected and sampled as for the champion.

    Args:
        facts: Of the video: frames, frames a second, width and height.
        usual: How its ``detections`` were made.
    """
    from jarvis_dagster.hockey.adaptation import Parameters
    from jarvis_dagster.hockey.detection import load_detector, measure_detector
    from jarvis_dagster.hockey.promotion.parts import choose_parts, detect_parts, looks_of, within
    from jarvis_dagster.hockey.promotion.shadow import disagreement

    settings = arena.settings
    parameters = Parameters.from_json(usual.get("parameters") or {})
    stride, fps = int(usual["stride"]), facts["fps"]
    parts = choose_parts(facts["frame_count"], fps, stride, settings.promotion.shadow_seconds)
    before = within(detections, parts)
    threads = settings.vision.threads
    model, roles = _files(arena, challenger)
    detector = load_detector(
        model, roles=roles, threads=threads, score_threshold=parameters.score_threshold
    )
    after = detect_parts(
        path, detector, parts, stride=stride, correct=parameters.correction, progress=progress
    )
    found = disagreement(before, after)
    model, roles = _files(arena, arena.champion())
    champion = load_detector(model, roles=roles, threads=threads)
    size = (facts["width_px"], facts["height_px"])
    took_ms = [measure_detector(one, *size) for one in (champion, detector)]
    content = {
        "champion": f"{usual['name']} {usual['version']}",
        "challenger": f"{arena.model} {challenger.version}",
        **found.to_json(),
        "registered": usual["roles_registered" if arena.of_roles else "registered"],
        "parts": parts,
        "looks": looks_of(parts, stride),
        "seconds_of_video": round(sum(b - a for a, b in parts) / fps, 2),
        "time": round(took_ms[1] / took_ms[0], 3),
    }
    return Looked(before, after, found, detector.version, parameters.id, content)


def _files(arena: Arena, one: Contender) -> tuple[Path | None, Path | None]:
    """The detector, and who reads roles: for detectors the same, whoever finds people."""
    model, roles = arena.files_of(one)
    return model, roles if arena.of_roles else arena.detector_in_use.roles
