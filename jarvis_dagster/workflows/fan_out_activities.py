"""The activities of ``video-detection``: plan, look at a part, join.

Belongs here: what is read, called and kept. Does not belong here: what a part is
(``hockey/detection/segments.py``), the order (``fan_out.py``).

A part is kept under a key made of all that it depends on, its border first and its table last:
where the table is, the part is done, and is never looked at again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from temporalio import activity

from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.workflows.activity_tools import Heart, failures_for_temporal, hand_back
from jarvis_dagster.workflows.footage import fetched
from jarvis_dagster.workflows.model_files import fetched_model, kept_model
from jarvis_dagster.workflows.part_files import (
    border_in,
    keep_part,
    memory_in,
    packed,
    packed_memory,
    tables_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.hockey.detection import Detector
    from jarvis_dagster.hockey.detection.remembering import Memory
    from jarvis_dagster.hockey.detection.segments import Border
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["FanOutActivities"]


class FanOutActivities:
    """The three steps.

    Args:
        storage: Makes the storage service.
        work_dir: Folder for files; workers of one machine may share it.
        models: The detector and the network that reads roles once more, as of now, where the
            input names none; for a detector None is the one that ships with Jarvis.
        threads: For the detector; None is one for each physical core.
        heartbeat_s: After so much silence a part is given to another worker.
        segment_s: Length of the parts where the input names none; see ``benchmarks/workflows.py``
            for what a border costs.
    """

    def __init__(
        self,
        storage: Callable[[], JarvisStorageService],
        work_dir: Path,
        models: Callable[[], tuple[Path | None, Path | None]],
        *,
        threads: int | None = None,
        heartbeat_s: float = 20.0,
        segment_s: float = 60.0,
    ) -> None:
        self._storage = storage
        self._work_dir = work_dir
        self._models = models
        self._threads = threads
        self._heartbeat_s = heartbeat_s
        self._segment_s = segment_s
        self._loaded = threading.local()

    @property
    def all(self) -> list[Callable[..., Any]]:
        """All activities."""
        return [self.plan, self.part, self.join]

    @activity.defn(name="detection_plan")
    def plan(self, given: dict[str, Any]) -> dict[str, Any]:
        """Into which parts the video is cut, and every how many frames is looked."""
        with failures_for_temporal(), Heart():
            from jarvis_dagster.hockey.detection import choose_stride, measure_detector
            from jarvis_dagster.hockey.detection.segments import plan_segments
            from jarvis_dagster.hockey.video import probe

            path, sha256 = self._video(given)
            given = {**given, **self._models_of(given)}
            info, detector = probe(path), self._detector(given)
            stride, reason = given.get("stride"), "the request says so"
            if stride is None:
                ms = measure_detector(detector, info.width_px, info.height_px)
                choice = choose_stride(info.fps, ms)
                stride, reason = choice.stride, choice.reason
            frames = round(float(given.get("segment_s") or self._segment_s) * info.fps)
            facts = {
                "frames": info.frame_count,
                "model": detector.name,
                "model_version": detector.version,
                "stride": stride,
            }
            content = {
                **facts,
                "video": sha256,
                "threshold": detector.score_threshold,
                "parameters": given.get("parameters"),
            }
            identity = json.dumps(content, sort_keys=True)
            return {
                **facts,
                "id": hashlib.sha256(identity.encode()).hexdigest()[:16],
                "model_key": given["model_key"],
                "roles_key": given["roles_key"],
                "stride_reason": reason,
                "heartbeat_s": self._heartbeat_s,
                "segments": plan_segments(info.frame_count, stride, frames),
            }

    @activity.defn(name="detection_part")
    def part(self, given: dict[str, Any]) -> dict[str, Any]:
        """Look at one part, unless it is there already; its key."""
        name = f"{given['start']}-{given['stop']}"
        memory_key = given.get("memory_key")
        if memory_key:
            name += f"-{hashlib.sha256(memory_key.encode()).hexdigest()[:8]}"
        key = f"{_home(given['plan'])}/{name}"
        with failures_for_temporal(), Heart() as heart:
            storage = self._storage()
            if storage.exists(f"{key}.parquet"):
                return {"key": key}
            from jarvis_dagster.hockey.detection.segments import detect_segment

            path, _ = self._video(given)
            given = {**given, **self._models_of(given)}  # as planned, but by an earlier version
            stride = int(given["stride"])

            def told(done: int, total: int) -> None:
                heart.progress(done, total)
                hand_back()

            found = detect_segment(
                path,
                self._detector(given),
                stride=stride,
                start=given["start"],
                stop=given["stop"],
                memory=self._memory(memory_key) if memory_key else None,
                correct=_correction(given.get("parameters")),
                progress=told,
            )
            expected = -(-(given["stop"] - given["start"]) // stride)
            if found.border.looks != expected:
                raise BadVideoError(
                    f"Frames {given['start']} to {given['stop']} of {given['video_key']} hold "
                    f"{found.border.looks} of {expected} pictures: the video is damaged.",
                    "It can be analysed in one piece alone.",
                )
            with tempfile.TemporaryDirectory(dir=self._work_dir) as folder:
                border = Path(folder, "border.npz")
                border.write_bytes(packed(found.border))
                storage.put_file(f"{key}.npz", border)
                table = Path(folder, "part.parquet")
                keep_part(table, found)
                storage.put_file(f"{key}.parquet", table)
            return {"key": key}

    @activity.defn(name="detection_join")
    def join(self, given: dict[str, Any]) -> dict[str, Any]:
        """Join the parts; or say which have to be looked at again, and with what memory."""
        with failures_for_temporal(), Heart():
            from jarvis_dagster.hockey.detection.segments import join, unlike
            from jarvis_dagster.hockey.tables import DETECTIONS, Provenance, write_table

            storage, plan = self._storage(), given["plan"]
            home = _home(plan["id"])
            with tempfile.TemporaryDirectory(dir=self._work_dir) as scratch:
                folder = Path(scratch)
                borders = [self._border(key) for key in given["keys"]]
                wrong = []
                for number, memory in unlike(borders).items():
                    content = packed_memory(memory)
                    key = f"{home}/memory-{hashlib.sha256(content).hexdigest()[:16]}.npz"
                    (folder / "memory.npz").write_bytes(content)
                    storage.put_file(key, folder / "memory.npz")
                    wrong.append({"number": number, "memory_key": key})
                if wrong:
                    return {"again": wrong}
                tables = []
                for key in given["keys"]:
                    storage.get_file(f"{key}.parquet", folder / "part.parquet")
                    tables.append(tables_of(folder / "part.parquet"))
                detections, kit = join(tables)
                sha256 = fetched(storage, given["video_key"], self._footage)[1]
                made = Provenance(
                    sha256, plan["model_version"], hashlib.sha256(plan["id"].encode()).hexdigest()
                )
                keys = {}
                for name, table, schema in (
                    ("detections", detections, DETECTIONS),
                    ("kit", kit, {}),
                ):
                    path = folder / f"{name}.parquet"
                    write_table(table, schema, path, made)
                    keys[name] = storage.put_file(f"{home}/{path.name}", path).key
            return {"again": [], "rows": len(detections), **keys}

    @property
    def _footage(self) -> Path:
        self._work_dir.mkdir(parents=True, exist_ok=True)
        return self._work_dir / "footage"

    def _video(self, given: dict[str, Any]) -> tuple[Path, str]:
        return fetched(self._storage(), given["video_key"], self._footage)

    def _models_of(self, given: dict[str, Any]) -> dict[str, str | None]:
        """Object keys of who looks and who reads roles, chosen once for all parts of a video."""
        storage = self._storage()
        if given.get("model_key"):
            return {"model_key": given["model_key"], "roles_key": given.get("roles_key")}
        model, roles = self._models()
        if given.get("roles_key"):
            return {"model_key": kept_model(storage, model), "roles_key": given["roles_key"]}
        kept = kept_model(storage, roles) if roles is not None else None
        return {"model_key": kept_model(storage, model), "roles_key": kept}

    def _detector(self, given: dict[str, Any]) -> Detector:
        """The detector; a thread keeps the one that it used last."""
        from jarvis_dagster.hockey.detection import load_detector

        wanted = tuple(given.get(key) for key in ("model_key", "score_threshold", "roles_key"))
        if getattr(self._loaded, "which", None) != wanted:
            model, roles = (
                fetched_model(self._storage(), key, self._footage) if key else None
                for key in (wanted[0], wanted[2])
            )
            self._loaded.detector = load_detector(
                model, roles=roles, threads=self._threads, score_threshold=wanted[1]
            )
            self._loaded.which = wanted
        detector: Detector = self._loaded.detector
        return detector

    def _border(self, key: str) -> Border:
        with self._array(f"{key}.npz") as held:
            return border_in(held)

    def _memory(self, key: str) -> Memory:
        with self._array(key) as held:
            return memory_in(held, "memory")

    @contextlib.contextmanager
    def _array(self, key: str) -> Any:
        import numpy as np

        with tempfile.TemporaryDirectory(dir=self._work_dir) as folder:
            path = Path(folder, "held.npz")
            self._storage().get_file(key, path)
            with np.load(path, allow_pickle=False) as held:
                yield held


def _home(plan: str) -> str:
    return f"artifacts/detection-{plan}"


def _correction(parameters: dict[str, Any] | None) -> Any:
    if parameters is None:
        return None
    from jarvis_dagster.hockey.adaptation.parameters import Parameters

    return Parameters.from_json(parameters).correction
