"""What ``jarvis detect`` and ``jarvis evaluate detector`` do.

Belongs here: from the words of the command line to calls, files out, what is printed.
Does not belong here: the command-line framework, the detector, the measures.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from jarvis_dagster.hockey.detection import Detections, Detector

    Progress = Callable[[int, int], None]

__all__ = ["DetectSummary", "detect", "evaluate_detector_command"]


@dataclasses.dataclass
class DetectSummary:
    """What :func:`detect` did. ``failed`` names each picture that could not be read."""

    pictures: int = 0
    boxes: int = 0
    stride: int = 1
    stride_reason: str = ""
    failed: list[str] = dataclasses.field(default_factory=list)


def detect(
    source: Path,
    out: Path,
    *,
    model: Path | None = None,
    stride: int | None = None,
    score_threshold: float | None = None,
    threads: int | None = None,
    aspect: str | None = None,
    progress: Progress | None = None,
    on_error: Callable[[str], None] | None = None,
) -> DetectSummary:
    """People on the ice in a folder of pictures or a video, as COCO results in ``out``.

    One entry a box: ``image_id`` (file name, or frame number of a video), ``bbox``
    [x, y, width, height] in pixels, ``category`` and ``score``. A picture that cannot be
    read is named through ``on_error`` and in the summary; the others are still done.

    ``stride`` (videos): look at every n-th frame; by default every frame. ``aspect``
    (folders): the true shape of pictures that are stored stretched; boxes are in pixels of
    the stored picture all the same.

    Raises:
        BadInputError: nothing there, not one picture could be read, or ``out`` is no file.
        BadVideoError: the file is not a readable video.
    """
    from jarvis_dagster.commands.targets import require_file
    from jarvis_dagster.hockey.detection import load_detector
    from jarvis_dagster.hockey.detection.labels import IMAGE_SUFFIXES

    if not source.exists():
        raise BadInputError(f"There is no {source}.", "Pass a folder of pictures or a video.")
    if source.is_file() and source.suffix.lower() in IMAGE_SUFFIXES:
        raise BadInputError(f"{source} is a single picture.", "Pass the folder that it is in.")
    require_file(out)
    detector = load_detector(model, threads=threads, score_threshold=score_threshold)
    summary = DetectSummary(stride=stride or 1)
    if source.is_dir():
        entries = _folder(
            source,
            detector.for_stills(),
            summary,
            aspect=aspect,
            progress=progress,
            on_error=on_error,
        )
        if not summary.pictures:
            raise BadInputError(
                f"None of the {len(summary.failed)} pictures in {source} can be read.",
                "Name a folder of JPEG or PNG pictures; the lines above say why each failed.",
            )
    else:
        entries = _video(source, detector, summary, progress)
    summary.boxes = len(entries)
    part = out.with_name(out.name + ".part")
    part.write_text(json.dumps(entries), encoding="utf-8")
    part.replace(out)
    return summary


def _folder(
    folder: Path,
    detector: Detector,
    summary: DetectSummary,
    *,
    aspect: str | None,
    progress: Progress | None,
    on_error: Callable[[str], None] | None,
) -> list[dict[str, Any]]:
    from jarvis_dagster.hockey.detection.evaluation import parse_aspect, read_picture
    from jarvis_dagster.hockey.detection.labels import find_images

    shape = parse_aspect(aspect)
    entries: list[dict[str, Any]] = []
    paths = find_images(folder)
    for number, path in enumerate(paths, 1):
        try:
            image = read_picture(path)
            squeeze = 1.0
            if shape is not None:
                squeeze = image.shape[1] / round(image.shape[0] * shape)
                image = read_picture(path, shape)
            found = detector.detect([image])[0].with_pucks()
        except (BadInputError, OSError) as error:
            summary.failed.append(path.name)
            if on_error:
                on_error(str(error))
        else:
            found.xyxy[:, 0::2] *= squeeze
            entries += _entries(path.name, found)
            summary.pictures += 1
        if progress:
            progress(number, len(paths))
    return entries


def _entries(image_id: str | int, found: Detections) -> list[dict[str, Any]]:
    from jarvis_dagster.hockey.tables import CLASSES

    return [
        _entry(image_id, box, CLASSES[int(kind)], float(score))
        for box, kind, score in zip(
            found.xyxy.tolist(), found.class_index, found.score, strict=True
        )
    ]


def _entry(image_id: str | int, box: list[float], kind: str, score: float) -> dict[str, Any]:
    x1, y1, x2, y2 = box
    return {
        "image_id": image_id,
        "bbox": [round(value, 2) for value in (x1, y1, x2 - x1, y2 - y1)],
        "category": kind,
        "score": round(score, 4),
    }


def _video(
    video: Path, detector: Detector, summary: DetectSummary, progress: Progress | None
) -> list[dict[str, Any]]:
    from jarvis_dagster.hockey.detection import detect_video

    table, _ = detect_video(video, detector, stride=summary.stride, progress=progress)
    summary.pictures = int(table["frame"].nunique())
    columns = ["frame", "x1_px", "y1_px", "x2_px", "y2_px", "class", "score"]
    return [
        _entry(int(frame), [float(v) for v in box], str(kind), float(score))
        for frame, *box, kind, score in table[columns].itertuples(index=False)
    ]


def evaluate_detector_command(
    images: Path,
    labels: Path,
    *,
    model: Path | None = None,
    score_threshold: float | None = None,
    threads: int | None = None,
    aspect: str | None = None,
    width_px: int | None = None,
    as_json: bool = False,
    progress: Progress | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Measure a detector on labelled pictures; print a table or JSON, and return the figures.

    ``width_px`` of the network's input is by default that for stills, as in :func:`detect`;
    videos use a smaller one, which the model card gives figures for as well.

    Raises:
        BadInputError: see :func:`~jarvis_dagster.hockey.detection.evaluation.evaluate_detector`.
    """
    from rich.console import Console

    from jarvis_dagster.hockey.detection import load_detector
    from jarvis_dagster.hockey.detection.evaluation import (
        evaluate_detector,
        format_evaluation,
        parse_aspect,
    )

    usual = load_detector(model, threads=threads).score_threshold
    detector = load_detector(model, threads=threads, score_threshold=0.02, width_px=width_px)
    if width_px is None:
        detector = detector.for_stills()
    result = evaluate_detector(
        images,
        labels,
        detector,
        score_threshold=usual if score_threshold is None else score_threshold,
        aspect=parse_aspect(aspect),
        progress=progress,
    )
    console = console or Console()
    if as_json:
        console.print_json(json.dumps(result))
    else:
        console.print(format_evaluation(result))
    return result
