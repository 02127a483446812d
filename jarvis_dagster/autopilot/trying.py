"""Trying parameters: on which pictures, and what came of it.

Belongs here: choosing the material, the search and its proof for one camera. Does not belong
here: searching and judging (``hockey/adaptation``), what follows (``pilot``).
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.autopilot.library import Library
    from jarvis_dagster.autopilot.standing import Camera
    from jarvis_dagster.hockey.adaptation import Parameters
    from jarvis_dagster.hockey.adaptation.looks import Look
    from jarvis_dagster.hockey.adaptation.material import (
        Eyes,
        LabelledVideos,
        Material,
        PairedVideos,
    )
    from jarvis_dagster.hockey.adaptation.shadow import Gain
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

    Progress = Callable[[str, int, int], None]

__all__ = ["NOT_TRIED", "Tryout"]

NOT_TRIED: dict[str, Any] = {
    "better": False,
    "candidate": None,
    "search": None,
    "verdict": None,
    "retrain": None,
    "cpu_minutes": 0.0,
}
"""What an attempt comes to by which nothing was found."""

_RECENT = 12
"""Last videos of a camera whose pictures are used."""
_CORRECTED = "corrected"


class Tryout:
    """One attempt for one camera."""

    def __init__(
        self,
        settings: Settings,
        core: JarvisCoreServices,
        library: Library,
        camera: Camera,
        progress: Progress,
    ) -> None:
        self._settings, self._core, self._library = settings, core, library
        self._camera, self._progress = camera, progress

    def run(self, current: Parameters) -> dict[str, Any]:
        """Search and judge.

        Returns:
            ``better``, ``candidate`` (parameters), ``why``, ``material`` (what it rests on),
            ``search``, ``verdict``, ``cpu_minutes``; and ``retrain``: ``dataset`` and
            ``frames`` where it is not better and a training may help, else None.
        """
        began = time.process_time()
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            tried = self._tried(current, Path(scratch))
        tried["cpu_minutes"] = round((time.process_time() - began) / 60, 3)
        tried["retrain"] = None
        if not tried["better"]:
            tried["retrain"], said = self._training()
            tried["why"] += f" {said}"
        return tried

    def _tried(self, current: Parameters, scratch: Path) -> dict[str, Any]:
        from jarvis_dagster.champions import chosen_detector
        from jarvis_dagster.hockey.adaptation.material import Eyes
        from jarvis_dagster.hockey.adaptation.search import guesses, search
        from jarvis_dagster.hockey.adaptation.shadow import compare, judge, split_videos

        config, vision = self._settings.autopilot, self._settings.vision
        guard = self._pairs(scratch)
        material, why = self._material(guard, scratch)
        least = self._settings.promotion.min_videos
        split = split_videos(material.videos, least) if material is not None else None
        if material is None or split is None:
            return {
                **NOT_TRIED,
                "material": why,
                "why": f"Nothing could be tried: {why}.",
            }
        chosen = chosen_detector(self._settings, lambda: self._core.experiment_service)
        eyes = Eyes(chosen.path, vision.threads, vision.score_threshold)
        usual, now = self._looks()
        keep = vision.score_threshold is not None or material.basis == "consistency"
        found = search(
            material.only(split[0]),
            eyes,
            current,
            first=guesses(usual, now) if usual is not None and now is not None else (),
            trials=config.trials,
            cpu_s=60 * self._budget(),
            # Without labels a bolder detector always looks better, so its threshold stays.
            fixed=("score_threshold",) if keep else (),
            progress=lambda done, total: self._progress("Trying parameters", done, total),
        )
        if found.best.parameters == current:
            return {
                **NOT_TRIED,
                "material": why,
                "search": found.to_json(),
                "why": f"Of {len(found.trials)} parameters tried on {why} none was better.",
            }
        self._progress("Judging", 0, 1)
        candidate = found.best.parameters
        verdict = judge(
            compare(material.only(split[1]), eyes, current, candidate),
            self._guarded(guard, material, eyes, current, candidate),
            min_videos=least,
        )
        return {
            "better": verdict.better,
            "candidate": candidate.to_json(),
            "material": why,
            "search": found.to_json(),
            "verdict": verdict.to_json(),
            "why": f"Tried on {why}: {candidate.words}. {' '.join(verdict.reasons)}",
        }

    def _guarded(
        self,
        guard: PairedVideos | None,
        material: Material,
        eyes: Eyes,
        current: Parameters,
        candidate: Parameters,
    ) -> Gain | None:
        """The comparison on the camera's own pictures, unless those are the proof itself."""
        from jarvis_dagster.hockey.adaptation.shadow import compare

        if guard is None or material.basis == guard.basis:
            return None
        return compare(guard, eyes, current, candidate)

    def _budget(self) -> float:
        """CPU minutes that are left of today's, two thirds for searching."""
        used = self._camera.standing.cpu_minutes_today
        return max(0.5, (self._settings.autopilot.cpu_minutes_a_day - used) * 2 / 3)

    # -- pictures --------------------------------------------------------------------

    def _material(self, guard: PairedVideos | None, scratch: Path) -> tuple[Material | None, str]:
        """The best pictures there are to try on, and what they are."""
        from jarvis_dagster.hockey.adaptation.looks import relight

        least = self._settings.promotion.min_videos + 2
        corrected = self._corrected(scratch)
        if corrected is not None and len(corrected.videos) >= least:
            return corrected, f"corrected frames of {len(corrected.videos)} videos of this camera"
        games = self._games(scratch)
        usual, now = self._looks()
        if games is not None and len(games.videos) >= least and usual and now:
            said = f"the labelled frames of {len(games.videos)} frozen games"
            if min((p.value for p in self._image_parts() if p.value is not None), default=1) > 0.9:
                return games, said
            return games.relit(relight(usual, now)), f"{said}, relit as this camera's light changed"
        if guard is not None and len(guard.videos) >= least:
            return guard, f"pictures without labels of {len(guard.videos)} videos of this camera"
        have = 0 if guard is None else len(guard.videos)
        return None, (
            f"there are pictures of {have} videos of this camera and"
            f" {0 if games is None else len(games.videos)} frozen games; {least} of either are"
            " needed"
        )

    def _image_parts(self) -> list[Any]:
        return [part for one in self._camera.figures for part in one.parts if part.name == "image"]

    def _looks(self) -> tuple[Look | None, Look | None]:
        """What is usual, and what the last videos look like as filmed."""
        from jarvis_dagster.hockey.adaptation.reference import middle_look

        reference = self._camera.reference
        looks = [one.raw_look for one in self._camera.recent[-_RECENT:] if one.raw_look is not None]
        return (
            None if reference is None else reference.look,
            middle_look(looks) if looks else None,
        )

    def _pairs(self, scratch: Path) -> PairedVideos | None:
        """The frozen moments of the last videos."""
        from jarvis_dagster.hockey.adaptation.material import PairedVideos
        from jarvis_dagster.hockey.adaptation.moments import read_moments

        reference = self._camera.reference
        if reference is None or "people" not in reference.measures:
            return None
        pairs = {}
        for one in self._camera.recent[-_RECENT:]:
            path = scratch / "moments.zip"
            if self._library.moments(one.video, path):
                pairs[one.video] = read_moments(path)
        return PairedVideos(pairs, reference.measures["people"].middle) if pairs else None

    def _games(self, scratch: Path) -> LabelledVideos | None:
        from jarvis_dagster.hockey.adaptation.material import labelled_videos
        from jarvis_dagster.promoting import Arena

        try:
            games = Arena(self._settings, self._core).games(scratch)
        except BadInputError:  # nobody froze any
            return None
        return labelled_videos(games.frozen)

    def _corrected(self, scratch: Path) -> LabelledVideos | None:
        """Corrected frames of the last videos of this camera."""
        from jarvis_dagster.hockey.adaptation.material import picture_videos
        from jarvis_dagster.toolchain.store import DatasetStore

        store = DatasetStore(self._library.storage, scratch)
        if not store.list(_CORRECTED):
            return None
        recent = {one.video for one in self._camera.recent}
        pictures = [one for one in store.fetch(_CORRECTED).pictures if one.video in recent]
        return picture_videos(pictures) if pictures else None

    def _training(self) -> tuple[dict[str, Any] | None, str]:
        """The corrected frames, where a training may help; and what is to be said of it."""
        from jarvis_dagster.promoting import Arena
        from jarvis_dagster.toolchain.store import DatasetStore

        config = self._settings.autopilot
        if not config.retrain:
            return None, "Trainings are switched off (autopilot.retrain)."
        few = (
            "Too few frames are corrected for a training: label some by `jarvis review export`"
            f" ({config.retrain_frames} are needed)."
        )
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            versions = DatasetStore(self._library.storage, Path(scratch)).list(_CORRECTED)
        if not versions:
            return None, few
        frames = int(versions[0].summary["pictures"])
        decisions = self._library.decisions()
        failed = {
            (one["camera"], one["settles"])
            for one in decisions
            if one["outcome"] == "training_failed"
        }
        before = max(
            (
                one["training"]["frames_in_all"]
                for one in decisions
                if one["outcome"] == "retraining" and (one["camera"], one["number"]) not in failed
            ),
            default=0,
        )
        if frames - before < config.retrain_frames:
            return None, few
        if not Arena(self._settings, self._core).has_games:
            return None, (
                "A training could not be judged: freeze labelled games by `jarvis models"
                " freeze-games`."
            )
        said = (
            f"{frames - before} frames were corrected since the last training: a training of the"
            " detector is started."
        )
        request = {"dataset": versions[0].ref, "frames": frames - before, "frames_in_all": frames}
        return request, said
