"""The packaged detector on frames of broadcasts that nothing was trained on.

    python benchmarks/clips.py --clips DIR [--model FILE] [--baseline FILE] [--tracked] [--json]

``DIR`` holds the clips that ``clip_people.csv`` names; they are others', not part of the project.
The boxes beside them were drawn by hand, starting from what earlier networks proposed: everybody on
the ice, the role, and whether somebody lies, kneels or falls (``down``). Rows without a role are
people or things that count neither as right nor as wrong. ``FILE`` of the baseline is the person
detector that the model card names as the start.

Prints AP50, recall and precision at the detector's own threshold, roles, goalkeepers found and
named, and how many of those who are down are found: of the packaged detector as for videos (one
look, close-ups from farther away), as for stills, and of the start. ``--tracked`` judges instead
the boxes of the tracks, as the annotated video shows them: whole clips are followed, and what is
wrong is listed frame by frame.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from detector import Baseline
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.detection import choose_stride, load_detector
from jarvis_dagster.hockey.detection.base import Detections
from jarvis_dagster.hockey.detection.evaluation import LabelledPicture, match, measure
from jarvis_dagster.hockey.detection.labels import ROLES
from jarvis_dagster.hockey.detection.overlap import overlaps
from jarvis_dagster.hockey.people import people_of
from jarvis_dagster.hockey.sweep import sweep
from jarvis_dagster.hockey.video import probe, read_frame

if TYPE_CHECKING:
    from jarvis_dagster.hockey.detection import Detector

_LOWEST, _START_THRESHOLD = 0.02, 0.3
DETECTOR_MS = 12.0  # as on two idle cores: how often it looks must not depend on the moment
_BOX = ["x1_px", "y1_px", "x2_px", "y2_px"]


def judged(
    detector: Detector, clips: Path, labels: pd.DataFrame, threshold: float
) -> dict[str, Any]:
    """The figures over all frames."""
    pictures, down, found_down = [], 0, 0
    for (clip, frame), rows in labels.groupby(["clip", "frame"], sort=True):
        image = read_frame(clips / f"{clip}.mp4", int(frame)).image
        people = rows[rows["role"].notna()]
        boxes = people[_BOX].to_numpy(np.float32)
        open_ = rows[rows["role"].isna()][_BOX].to_numpy(np.float32)
        found = counted(detector.detect([image])[0], boxes, open_)
        roles = people["role"].map(ROLES.index).to_numpy(np.int64)
        pictures.append(LabelledPicture(boxes, roles, found))
        lying = people["down"].to_numpy(bool)
        sure = found.take(found.score >= threshold)
        down += int(lying.sum())
        found_down += sum(bool(lying[row]) for row, _ in match(boxes, sure.xyxy, sure.score))
    return {**measure(pictures, threshold), "down": down, "down_found": found_down}


def tracked(clip: Path, model: Path | None) -> pd.DataFrame:
    """TRACKS of a clip, pucks left out."""
    info, detector = probe(clip), load_detector(model)
    seen = sweep(clip, detector, stride=choose_stride(info.fps, DETECTOR_MS).stride)
    found = people_of(
        seen.detections,
        seen.kit,
        seen.scan,
        width_px=info.width_px,
        height_px=info.height_px,
        fps=info.fps,
    )
    return found[found["class"] != "puck"]


def judged_tracks(clips: Path, labels: pd.DataFrame, model: Path | None) -> dict[str, Any]:
    """How many people have a box and the right role, how many boxes a person; what is wrong."""
    total = dict.fromkeys(("people", "found", "boxes", "down", "down_found", "roles_right"), 0)
    wrong = []
    for clip, of_clip in labels.groupby("clip", sort=True):
        tracks = tracked(clips / f"{clip}.mp4", model)
        for frame, rows in of_clip.groupby("frame", sort=True):
            people, open_ = rows[rows["role"].notna()], rows[rows["role"].isna()]
            now = tracks[tracks["frame"] == frame]
            boxes = people[_BOX].to_numpy(np.float32)
            drawn = Detections(
                now[_BOX].to_numpy(np.float32),
                now["score"].to_numpy(np.float32),
                np.arange(len(now)),  # which row it is
                np.zeros((len(now), 3), np.float32),
            )
            drawn = counted(drawn, boxes, open_[_BOX].to_numpy(np.float32))
            pairs = match(boxes, drawn.xyxy, drawn.score)
            seen = {person: now.iloc[drawn.class_index[box]] for person, box in pairs}
            down = people["down"].to_numpy(bool)
            right = [seen[i]["role"] == people["role"].iloc[i] for i in seen]
            for name, count in (
                ("people", len(people)),
                ("found", len(pairs)),
                ("boxes", len(drawn)),
                ("down", int(down.sum())),
                ("down_found", int(sum(down[i] for i in seen))),
                ("roles_right", sum(right)),
            ):
                total[name] += count
            missed, extra = len(people) - len(pairs), len(drawn) - len(pairs)
            if missed or extra or not all(right):
                wrong.append(
                    f"{clip}, frame {frame}: {missed} without a box, {extra} boxes of nobody, "
                    f"{len(right) - sum(right)} in a wrong role"
                )
    return {**total, "wrong": wrong}


def counted(found: Detections, boxes: np.ndarray, open_: np.ndarray) -> Detections:
    """Without detections that are nobody's and lie half or more in an open box."""
    if not len(open_) or not len(found):
        return found
    inside = overlaps(open_, found.xyxy)[1].max(0) > 0.5
    somebody = (
        overlaps(found.xyxy, boxes)[0].max(1) >= 0.5 if len(boxes) else np.zeros(len(found), bool)
    )
    return found.take(np.flatnonzero(~inside | somebody))


def in_words(told: dict[str, Any]) -> str:
    """What :func:`judged_tracks` found, for people."""
    return "\n".join(
        [
            *told["wrong"],
            f"recall {told['found'] / told['people']:.3f}, precision"
            f" {told['found'] / max(1, told['boxes']):.3f} of tracked boxes on"
            f" {told['people']} people;"
            f" who are down: {told['down_found']} of {told['down']};"
            f" roles right: {told['roles_right']} of {told['found']} found",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--baseline", type=Path)
    parser.add_argument(
        "--tracked", action="store_true", help="boxes of tracks, not of single looks"
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    labels = pd.read_csv(Path(__file__).with_name("clip_people.csv"))
    missing = sorted(c for c in set(labels["clip"]) if not (options.clips / f"{c}.mp4").is_file())
    if missing:
        parser.error(f"{options.clips} lacks {', '.join(missing)}")
    if options.tracked:
        told = judged_tracks(options.clips, labels, options.model)
        print(json.dumps(told, indent=2) if options.json else in_words(told))
        return
    threshold = load_detector(options.model).score_threshold
    own = load_detector(options.model, score_threshold=_LOWEST, threads=1)
    kinds: dict[str, tuple[Any, float]] = {
        "as for videos": (own, threshold),
        "as for stills": (own.for_stills(), threshold),
    }
    if options.baseline:
        kinds = {"start": (Baseline(options.baseline), _START_THRESHOLD), **kinds}
    results = {
        name: judged(detector, options.clips, labels, score)
        for name, (detector, score) in kinds.items()
    }
    if options.json:
        print(json.dumps(results, indent=2))
        return
    people = labels[labels["role"].notna()]
    table = Table(
        *("", "AP50", "recall", "precision", "role macro-F1", "goalkeepers", "who are down"),
        title=f"{len(people)} people in {labels.groupby(['clip', 'frame']).ngroups} frames of"
        f" {labels['clip'].nunique()} clips",
    )
    for name, result in results.items():
        keepers = sum(result["confusion"]["goalkeeper"].values())
        table.add_row(
            name,
            *(f"{result['people'][key]:.3f}" for key in ("ap50", "recall", "precision")),
            f"{result['role_macro_f1']:.3f}",
            f"{result['confusion']['goalkeeper']['goalkeeper']} of {keepers}",
            f"{result['down_found']} of {result['down']}",
        )
    Console().print(table)


if __name__ == "__main__":
    main()
