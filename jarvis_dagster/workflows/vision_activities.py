"""The activities of ``computer-vision``: thin calls of ``hockey`` between fetch and keep.

Belongs here: what is read, called and kept. Does not belong here: how footage
is analysed (``hockey``), the order (``vision.py``).

Activities pass object keys. Each fetches what it needs into a folder of its
own, so that any worker on any machine can take the next one, or the same again.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from temporalio import activity

from jarvis_dagster.workflows.activity_tools import Heart, failures_for_temporal

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.hockey.tables import Provenance
    from jarvis_dagster.services.storage import JarvisStorageService
    from jarvis_dagster.settings import Settings

__all__ = ["VisionActivities"]


class VisionActivities:
    """The three steps, with the object store they read from and write to.

    Args:
        storage: Makes the storage service; asked once a step.
        work_dir: Folder for files while a step runs.
        models: The detector and the network that reads roles once more, as of now; None is the one
            that ships with Jarvis, and that the detector's own roles stand.
        threads: For detection; None is one for each physical core.
        settings: Which camera filmed what; None: nothing is adapted.
    """

    def __init__(
        self,
        storage: Callable[[], JarvisStorageService],
        work_dir: Path,
        models: Callable[[], tuple[Path | None, Path | None]] = lambda: (None, None),
        *,
        threads: int | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._storage = storage
        self._work_dir = work_dir
        self._models = models
        self._threads = threads
        self._settings = settings

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All activities."""
        return [self.processing, self.features, self.inference]

    @activity.defn(name="processing")
    def processing(self, input_data: dict[str, Any]) -> dict[str, Any]:
        """Scan the video: camera motion, cuts, blur; what it can be trusted for."""
        with self._step(input_data) as step:
            from jarvis_dagster.hockey.preflight import preflight, scan_video
            from jarvis_dagster.hockey.tables import SCAN
            from jarvis_dagster.hockey.video import probe

            info = probe(step.video)
            scan = scan_video(step.video, progress=step.heart.progress)
            step.keep_table("scan", scan, SCAN, "")
            step.summary = {"preflight": preflight(info, scan), "cuts": int(scan["is_cut"].sum())}
            if self._settings is not None:
                from jarvis_dagster.autopilot.overlay import overlay_of_object

                # Told once, so that all that follows, and is tried again, looks alike.
                overlay = overlay_of_object(self._settings, step.storage, step.key)
                step.summary["camera"], step.sight = overlay.camera, overlay.request()
            step.frames = len(scan)
        return step.result

    @activity.defn(name="features")
    def features(self, input_data: dict[str, Any]) -> dict[str, Any]:
        """Detect people in the frames, with the colours of their kits."""
        with self._step(input_data) as step:
            from jarvis_dagster.hockey.adaptation import Parameters
            from jarvis_dagster.hockey.detection import (
                choose_stride,
                detect_video,
                load_detector,
                measure_detector,
            )
            from jarvis_dagster.hockey.tables import DETECTIONS
            from jarvis_dagster.hockey.video import probe

            info = probe(step.video)
            path, roles = self._models()
            detector = load_detector(
                path,
                roles=roles,
                threads=self._threads,
                score_threshold=input_data.get("score_threshold"),
            )
            parameters = Parameters.from_json(input_data.get("parameters") or {})
            stride = input_data.get("stride")
            if stride is None:
                ms_per_image = measure_detector(detector, info.width_px, info.height_px)
                stride = choose_stride(info.fps, ms_per_image).stride
            found, kit = detect_video(
                step.video,
                detector,
                stride=stride,
                progress=step.heart.progress,
                correct=parameters.correction,
            )
            step.keep_table("detections", found, DETECTIONS, detector.version)
            step.keep_table("kit", kit, {}, detector.version)
            step.summary = {
                "detections": len(found),
                "model": detector.name,
                "model_version": detector.version,
                "stride": stride,
                "adapted_parameters": parameters.words,
            }
            step.frames = info.frame_count
        return step.result

    @activity.defn(name="inference")
    def inference(self, input_data: dict[str, Any]) -> dict[str, Any]:
        """Who is who over time, and what happened."""
        with self._step(input_data) as step:
            from jarvis_dagster.hockey.events import build_ledger
            from jarvis_dagster.hockey.people import people_of
            from jarvis_dagster.hockey.tables import DETECTIONS, EVENTS, SCAN, TRACKS
            from jarvis_dagster.hockey.video import probe

            info = probe(step.video)
            scan = step.table("scan", SCAN)
            kit = step.table("kit", {})
            boxes = step.table("detections", DETECTIONS)
            tracks = people_of(
                boxes, kit, scan, width_px=info.width_px, height_px=info.height_px, fps=info.fps
            )
            version = step.model_version("detections")
            step.keep_table("tracks", tracks, TRACKS, version)
            events = build_ledger(tracks, None, scan, info)
            step.keep_table("events", events, EVENTS, version)
            step.summary = {
                "people": int(tracks["track_id"].nunique()),
                "events": {str(k): int(v) for k, v in events["type"].value_counts().items()},
            }
            step.frames = len(scan)
        return step.result

    def _step(self, input_data: dict[str, Any]) -> _Step:
        return _Step(self._storage(), self._work_dir, input_data)


class _Step:
    """One activity: its folder, its video, what it keeps."""

    def __init__(
        self, storage: JarvisStorageService, work_dir: Path, input_data: dict[str, Any]
    ) -> None:
        self.storage = storage
        self._work_dir = work_dir
        self.key: str = input_data["video_key"]
        self._given: dict[str, str] = input_data.get("outputs", {})
        given = {name: value for name, value in input_data.items() if name != "outputs"}
        identity = json.dumps(given, sort_keys=True)
        self._home = f"artifacts/vision-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
        self.summary: dict[str, Any] = {}
        self.frames = 0
        self.sight: dict[str, Any] = {}
        self.heart = Heart()
        self.result: dict[str, Any] = {}
        self._outputs: dict[str, str] = {}

    def __enter__(self) -> _Step:
        import contextlib

        self._began = time.monotonic()
        with contextlib.ExitStack() as stack:
            stack.enter_context(failures_for_temporal())
            stack.enter_context(self.heart)
            self._work_dir.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self._work_dir))
            self._folder = Path(folder)
            suffix = PurePosixPath(self.key).suffix or ".mp4"
            self.video = self._folder / f"video{suffix}"
            self._sha256 = self.storage.get_file(self.key, self.video).sha256
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self.result = {
            "outputs": self._outputs,
            "summary": self.summary,
            "frames": self.frames,
            "seconds": time.monotonic() - self._began,
            **({"sight": self.sight} if self.sight else {}),
        }
        self._stack.__exit__(*error)

    def keep_table(self, name: str, table: Any, schema: dict[str, str], version: str) -> None:
        """Write a table as Parquet and store it."""
        from jarvis_dagster.hockey.tables import write_table

        path = self._folder / f"{name}.parquet"
        write_table(table, schema, path, self._provenance(version))
        self._outputs[name] = self.storage.put_file(f"{self._home}/{path.name}", path).key

    def table(self, name: str, schema: dict[str, str]) -> Any:
        """Fetch and read a table that an earlier step kept."""
        from jarvis_dagster.hockey.tables import read_table

        return read_table(self._fetch(name), schema)

    def model_version(self, name: str) -> str:
        """The model that made a table of an earlier step."""
        from jarvis_dagster.hockey.tables import read_provenance

        return read_provenance(self._fetch(name)).model_version

    def _fetch(self, name: str) -> Path:
        path = self._folder / f"{name}.parquet"
        if not path.is_file():
            self.storage.get_file(self._given[name], path)
        return path

    def _provenance(self, version: str) -> Provenance:
        from jarvis_dagster.hockey.tables import Provenance

        config = hashlib.sha256(self._home.encode()).hexdigest()
        return Provenance(self._sha256, version, config)
