"""From the tables of an analysed video to its evidence.

Belongs here: what is read of a video, and whether it changed since. Does not belong here: the
measures (``hockey/adaptation``).
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.autopilot.config import AutopilotConfig, camera_of
from jarvis_dagster.hockey.adaptation import Evidence, Parameters, Reviewed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from jarvis_dagster.autopilot.library import Library
    from jarvis_dagster.hockey.adaptation.moments import Pair

__all__ = ["collect"]

_LABELS = "artifacts/review/labels/agreement.json"
_SEEN = ("detections/detections.parquet", "tracks/tracks.parquet", "events/events.parquet")
_SAID = ("corrections/corrections.json",)


def collect(
    library: Library,
    config: AutopilotConfig,
    progress: Callable[[int, int], None] | None = None,
) -> list[str]:
    """Collect the evidence of every analysed video that is new or changed; their partitions."""
    there, changed = library.listing("artifacts/"), []
    known = library.listing("autopilot/evidence/")
    end = f"/{_SEEN[1]}"
    videos = [k.removeprefix("artifacts/").removesuffix(end) for k in there if k.endswith(end)]
    for number, video in enumerate(videos):
        if progress:
            progress(number, len(videos))
        if _Video(library, video, there).collect(config, known):
            changed.append(video)
    return changed


class _Video:
    """The stored files of one video.

    Args:
        there: A listing of what is stored of videos.
    """

    def __init__(self, library: Library, video: str, there: dict[str, str]) -> None:
        self._library, self._video, self._there = library, video, there

    def collect(self, config: AutopilotConfig, collected: dict[str, str]) -> bool:
        """Collect it; False where nothing changed since."""
        key = self._library.evidence_key(self._video)
        known = self._library.read_json(key, collected.get(key, ""))
        labels = self._labels()
        versions = {name: self._there.get(self._key(name), "") for name in (*_SEEN, *_SAID)}
        if known is not None and (known["versions"], known["labels"]) == (versions, labels):
            return False
        seen = {name: self._sha256(name) for name in _SEEN}
        if known is not None and known["seen"] == seen:  # the same analysis, looked at by people
            before = Evidence.from_json(known["evidence"])
            with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
                reviewed = self._reviewed(self._table(scratch, "tracks/tracks.parquet"), labels)
            made = dataclasses.replace(before, reviewed=reviewed)
        else:
            made = self._made(config, labels)
        content = {"seen": seen, "versions": versions, "labels": labels}
        self._library.keep_json(key, {**content, "evidence": made.to_json()})
        return known is None or made != Evidence.from_json(known["evidence"])

    def _key(self, name: str) -> str:
        return f"artifacts/{self._video}/{name}"

    def _sha256(self, name: str) -> str:
        ref = self._library.storage.stat(self._key(name))
        return "" if ref is None else ref.sha256

    def _json(self, name: str) -> Any | None:
        return self._library.read_json(self._key(name), self._there.get(self._key(name), ""))

    def _written(self, name: str) -> str:
        """When a file was stored: of results that do not tell when they were made."""
        when = self._library.storage.modified(self._key(name))
        if when is None:
            raise AssertionError("it was read")
        return when.isoformat(timespec="milliseconds")

    def _table(self, scratch: str, name: str) -> pd.DataFrame | None:
        from jarvis_dagster.hockey.tables import read_table

        if self._key(name) not in self._there:
            return None
        path = Path(scratch) / name.replace("/", "-")
        self._library.storage.get_file(self._key(name), path)
        return read_table(path)

    def _made(self, config: AutopilotConfig, labels: dict[str, Any] | None) -> Evidence:
        from jarvis_dagster.hockey.adaptation.evidence import (
            score_counts,
            stability,
            violations,
        )
        from jarvis_dagster.hockey.adaptation.reading import reading
        from jarvis_dagster.hockey.events.integrity import Record

        source, model = self._json("footage/source.json"), self._json("detections/model.json")
        if source is None or model is None:
            raise AssertionError("tracks are made of both")
        facts = source["facts"]
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            tables = {
                name: self._table(scratch, f"{folder}/{name}.parquet")
                for folder, name in (
                    *(("footage", "scan"), ("detections", "detections"), ("detections", "kit")),
                    *(("tracks", "tracks"), ("positions", "positions"), ("events", "events")),
                )
            }
            pairs = self._moments(Path(scratch), source, tables["scan"], facts["fps"])
        scan, boxes, tracks = tables["scan"], tables["detections"], tables["tracks"]
        if scan is None or boxes is None or tracks is None:
            raise AssertionError("tracks are made of both")
        parameters = Parameters.from_json(model.get("parameters") or {})
        there: dict[str, Any] = {
            name: table
            for name in ("scan", "tracks", "positions", "events")
            if (table := tables[name]) is not None
        }
        record = Record(facts["fps"], len(scan), facts["duration_s"], **there)
        followed = stability(
            tracks,
            scan,
            width_px=facts["width_px"],
            height_px=facts["height_px"],
            fps=facts["fps"],
            kit=tables["kit"],
        )
        return Evidence(
            video=self._video,
            name=source["name"],
            camera=camera_of(config, source["path"]),
            at=model.get("made_at") or self._written("detections/model.json"),
            parameters=parameters,
            model_version=model["version"],
            minutes=facts["duration_s"] / 60,
            raw_look=_look(pairs, None),
            look=_look(pairs, parameters),
            scores=score_counts(boxes),
            people_per_look=_people(boxes, scan, int(model["stride"])),
            tracks=None if followed is None else followed | reading(tracks, boxes),
            broken_rules=violations(record),
            reviewed=self._reviewed(tracks, labels),
        )

    def _moments(
        self, scratch: Path, source: dict[str, Any], scan: pd.DataFrame | None, fps: float
    ) -> list[Pair]:
        """Pictures of the video, kept for searches; none where the video is gone."""
        from jarvis_dagster.hockey.adaptation.moments import (
            choose_moments,
            read_moments,
            take_moments,
            write_moments,
        )

        kept = scratch / "moments.zip"
        if self._library.moments(self._video, kept):
            return read_moments(kept)
        key = self._key(f"footage/{source['object']}")
        if scan is None or key not in self._there:
            return []
        video = scratch / source["object"]
        self._library.storage.get_file(key, video)
        pairs = take_moments(video, choose_moments(scan, fps))
        if pairs:
            write_moments(pairs, kept)
            self._library.storage.put_file(
                self._library.evidence_key(self._video, "moments.zip"), kept
            )
        return pairs

    def _labels(self) -> dict[str, Any] | None:
        """The agreement of corrected labels with this video's, where somebody corrected some."""
        content = self._library.read_json(_LABELS, self._there.get(_LABELS, ""))
        found: dict[str, Any] | None = (content or {}).get("by_video", {}).get(self._video)
        return found

    def _reviewed(
        self, tracks: pd.DataFrame | None, labels: dict[str, Any] | None
    ) -> tuple[Reviewed, ...]:
        from jarvis_dagster.hockey.adaptation.evidence import reviewed_labels, reviewed_tracks

        found = [] if labels is None else [reviewed_labels(labels)]
        said = self._json("corrections/corrections.json")
        if said is not None and tracks is not None:
            wrong = [int(t) for one in said["corrections"] for t in one["tracks"]]
            found.append(reviewed_tracks(tracks, wrong))
        return tuple(one for one in found if one is not None)


def _look(pairs: list[Pair], parameters: Parameters | None) -> Any:
    """The look of the first picture of each pair, as filmed or as the detector sees it."""
    from jarvis_dagster.hockey.adaptation.looks import look_of

    if not pairs:
        return None
    correct = None if parameters is None else parameters.correction
    return look_of([a if correct is None else correct(a) for a, _ in pairs])


def _people(boxes: pd.DataFrame, scan: pd.DataFrame, stride: int) -> float | None:
    """People found on a picture that shows a rink; on any, where none seems to.

    Ice is told by its light: in the dark it may be there and not be seen.
    """
    looked = scan[scan["frame"] % stride == 0]
    if "ice_share" in looked.columns and (looked["ice_share"] >= 0.15).any():
        looked = looked[looked["ice_share"] >= 0.15]
    if looked.empty:
        return None
    people = boxes[(boxes["class"] != "puck") & boxes["frame"].isin(looked["frame"])]
    return len(people) / len(looked)
