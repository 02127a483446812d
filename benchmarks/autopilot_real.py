"""The Autopilot's search on real footage that is darkened; ``autopilot.py --part real`` runs it.

Searched without labels, judged with them; the peers are the parameters that change nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from rich.console import Console
from rich.table import Table

from jarvis_dagster.hockey.adaptation import NEUTRAL, Parameters
from jarvis_dagster.hockey.adaptation.looks import look_of
from jarvis_dagster.hockey.adaptation.material import Eyes, Labelled, LabelledVideos, PairedVideos
from jarvis_dagster.hockey.adaptation.moments import choose_moments, take_moments
from jarvis_dagster.hockey.adaptation.search import guesses, search
from jarvis_dagster.hockey.adaptation.shadow import compare, judge, split_videos
from jarvis_dagster.hockey.detection.evaluation import parse_aspect, read_picture
from jarvis_dagster.hockey.detection.labels import ROLES, class_index, class_names, parse_labels
from jarvis_dagster.hockey.preflight import scan_video
from jarvis_dagster.hockey.training.dataset import read_export
from jarvis_dagster.hockey.video import probe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Light = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]

SAID = Console()


def lights() -> dict[str, Light]:
    """What a dark rink does to real pictures, each with a camera's compression."""

    def compressed(image: NDArray[Any]) -> NDArray[np.uint8]:
        _, data = cv2.imencode(".jpg", np.clip(image, 0, 255).astype(np.uint8), [1, 80])
        return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)

    def power(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return compressed(255 * (image / 255.0) ** 2.6)

    def dim(share: float, grain: float) -> Light:
        def made(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
            rng = np.random.default_rng(int(image[::16, ::16].sum()) % 2**31)
            return compressed(image * share + rng.normal(0, grain, image.shape))

        return made

    return {"deep shadows": power, "a third": dim(0.35, 1.0), "an eighth": dim(0.12, 2.5)}


def real(data: Path, trials: int) -> list[dict[str, Any]]:
    """Darkened clips and labelled frames: searched without labels, judged with them."""
    eyes = Eyes(threads=1)
    pairs = {}
    for path in sorted((data / "clips").glob("*.mp4")):
        taken = take_moments(path, choose_moments(scan_video(path), probe(path).fps, 3))
        if taken:
            pairs[path.stem] = taken
    people = float(
        np.mean([len(eyes.look(a, NEUTRAL)) for taken in pairs.values() for a, _ in taken])
    )
    as_it_was = {
        name: [Labelled(a, eyes.look(a, NEUTRAL).xyxy) for a, _ in taken]
        for name, taken in pairs.items()
    }
    labelled = labelled_frames(data / "labelled_frames")
    usual = look_of([a for taken in pairs.values() for a, _ in taken])
    split = split_videos(sorted(pairs), 6)
    assert split is not None
    rows = []
    for name, light in {"unchanged": lambda image: image, **lights()}.items():
        seen = {k: [(light(a), light(b)) for a, b in taken] for k, taken in pairs.items()}
        material = PairedVideos(seen, people)
        now = look_of([a for taken in seen.values() for a, _ in taken])
        found = search(
            material.only(split[0]),
            eyes,
            NEUTRAL,
            first=guesses(usual, now),
            trials=trials,
            fixed=("score_threshold",),
        )
        best = found.best.parameters
        verdict = judge(compare(material.only(split[1]), eyes, NEUTRAL, best), None, min_videos=6)
        truth = LabelledVideos(as_it_was).only(split[1]).relit(light)
        frames = labelled.relit(light)
        row = {
            "light": name,
            "parameters": best.words,
            "proved": verdict.better,
            "consistency": (verdict.proof.current, verdict.proof.candidate),
            "clips_f1": _both(truth, eyes, best),
            "frames_f1": _both(frames, eyes, best),
        }
        rows.append(row)
        SAID.print(row, highlight=False)
    table = Table(title="Real footage, darkened: as it was, and with what was found without labels")
    for head in ("light", "found", "proved", "found again", "F1 beside full light", "F1, labels"):
        table.add_column(head)
    for row in rows:
        values = [
            f"{a:.2f} → {b:.2f}" for a, b in (row["consistency"], row["clips_f1"], row["frames_f1"])
        ]
        table.add_row(row["light"], row["parameters"], "yes" if row["proved"] else "no", *values)
    SAID.print(table)
    return rows


def _both(material: LabelledVideos, eyes: Eyes, best: Parameters) -> tuple[float, float]:
    return tuple(
        float(np.mean(list(material.figures(eyes, one).values()))) for one in (NEUTRAL, best)
    )  # type: ignore[return-value]


def labelled_frames(folder: Path, each: int = 10) -> LabelledVideos:
    """Some labelled frames of the amateur rinks, spread over each."""
    kinds = class_index(class_names([folder]))
    aspect = parse_aspect("16:9")
    by_video: dict[str, list[Any]] = {}
    for sample in read_export(folder, aspect=(aspect, aspect)):
        by_video.setdefault(sample.group, []).append(sample)
    pictures: dict[str, list[Labelled]] = {}
    for name, samples in by_video.items():
        if not name.startswith("rinkcam"):  # boxes of the broadcast include the stick
            continue
        for at in np.linspace(0, len(samples) - 1, each).astype(int):
            image = read_picture(samples[at].image, aspect)
            text = (folder / "labels" / f"{samples[at].image.stem}.txt").read_text("utf-8")
            numbers, boxes = parse_labels(text, samples[at].image.name)
            roles = np.array([kinds.get(int(n), -1) for n in numbers], np.int64)
            chosen = (roles >= 0) & (roles < len(ROLES))
            size = np.array([image.shape[1], image.shape[0]] * 2, np.float32)
            pictures.setdefault(name, []).append(Labelled(image, boxes[chosen] * size))
    return LabelledVideos(pictures)
