"""What the Autopilot keeps: evidence, references, parameters with their versions, decisions.

Belongs here: where each is in the object store, writing once, reading back. Does not belong here:
what any of it means.

Everything is in the store, so that a worker on any machine can take the next step, and nothing is
lost with one.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.adaptation import NEUTRAL, Evidence, Parameters, Reference

if TYPE_CHECKING:
    from jarvis_dagster.services.storage import JarvisStorageService

__all__ = ["COMPONENT", "Current", "Library"]

COMPONENT = "autopilot"
_ROOT = "autopilot"
_ALIAS = "current"


@dataclasses.dataclass(frozen=True)
class Current:
    """The parameters in force for a camera; version 0 are those that change nothing."""

    version: int
    parameters: Parameters


class Library:
    """The Autopilot's part of an object store."""

    def __init__(self, storage: JarvisStorageService) -> None:
        self.storage = storage
        self._read: dict[str, tuple[str, Any]] = {}

    # -- documents -----------------------------------------------------------------

    def keep_json(self, key: str, content: Any) -> None:
        """Keep a document."""
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "document.json"
            text = json.dumps(content, indent=1, sort_keys=True, allow_nan=False)
            path.write_text(text, "utf-8")
            self.storage.put_file(key, path)

    def read_json(self, key: str, version: str | None = None) -> Any | None:
        """A document; None where there is none. It is fetched again only if it changed.

        Args:
            version: As a listing has just shown it, which saves a look; "" is none.
        """
        if version is None:
            version = self.listing(key).get(key, "")
        if not version:
            return None
        known = self._read.get(key)
        if known is not None and known[0] == version:
            return known[1]
        with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
            path = Path(scratch) / "document.json"
            self.storage.get_file(key, path)
            content = json.loads(path.read_text("utf-8"))
        self._read[key] = (version, content)
        return content

    def listing(self, prefix: str) -> dict[str, str]:
        """Keys of the artifacts bucket, sorted, and what changes when their bytes do."""
        return self.storage.versions_of(prefix)

    # -- evidence ------------------------------------------------------------------

    def evidence_key(self, video: str, name: str = "evidence.json") -> str:
        """Where the evidence of a video is."""
        return f"{_ROOT}/evidence/{video}/{name}"

    def evidence(self) -> list[Evidence]:
        """All evidence, in the order of analysis."""
        there = self.listing(f"{_ROOT}/evidence/").items()
        found = [self.read_json(key, v) for key, v in there if key.endswith("/evidence.json")]
        videos = [Evidence.from_json(one["evidence"]) for one in found if one is not None]
        return sorted(videos, key=lambda one: (one.at, one.video))

    def moments(self, video: str, path: Path) -> bool:
        """Fetch the frozen moments of a video; False where it has none."""
        key = self.evidence_key(video, "moments.zip")
        if not self.storage.exists(key):
            return False
        self.storage.get_file(key, path)
        return True

    # -- references ----------------------------------------------------------------

    def reference(self, camera: str, model_version: str) -> Reference | None:
        """The frozen reference of a camera for a detector."""
        content = self.read_json(self._reference_key(camera, model_version))
        return None if content is None else Reference.from_json(content)

    def keep_reference(self, reference: Reference) -> None:
        """Freeze a reference; one that is there stays."""
        key = self._reference_key(reference.camera, reference.model_version)
        if not self.storage.exists(key):
            self.keep_json(key, reference.to_json())

    def _reference_key(self, camera: str, model_version: str) -> str:
        plain = "".join(c if c.isalnum() or c in ".-" else "-" for c in model_version)
        return f"{_ROOT}/references/{camera}/{plain}.json"

    # -- parameters ----------------------------------------------------------------

    def current(self, camera: str) -> Current:
        """The parameters in force."""
        try:
            found = self.storage.resolve(self._name(camera), _ALIAS, component=COMPONENT)
        except BadInputError:  # never adapted, or taken back to what changes nothing
            return Current(0, NEUTRAL)
        return Current(found.number, Parameters.from_json(found.metadata["parameters"]))

    def versions(self, camera: str) -> dict[int, Parameters]:
        """Every set of parameters that a camera ever had, by version."""
        try:
            newest = self.storage.resolve(self._name(camera), component=COMPONENT)
        except BadInputError:
            return {}
        return {
            version.number: Parameters.from_json(version.metadata["parameters"])
            for version in self.storage.history(newest.id)
        }

    def put_in_force(self, camera: str, parameters: Parameters) -> Current:
        """Make parameters those of a camera, as a version of their own the first time."""
        name = self._name(camera)
        if parameters.is_neutral:
            if self.current(camera).version:
                self.storage.set_alias(name, _ALIAS, None, component=COMPONENT)
            return Current(0, NEUTRAL)
        known = {p: number for number, p in sorted(self.versions(camera).items())}
        if parameters not in known:
            with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
                path = Path(scratch) / name
                path.write_text(json.dumps(parameters.to_json(), sort_keys=True), "utf-8")
                about = {"camera": camera, "parameters": parameters.to_json()}
                item = self.storage.store_model(path, about, COMPONENT, name=name)
            self.storage.pin(item)  # tables name it
            known = {p: number for number, p in sorted(self.versions(camera).items())}
        self.storage.set_alias(name, _ALIAS, known[parameters], component=COMPONENT)
        return Current(known[parameters], parameters)

    def _name(self, camera: str) -> str:
        return f"autopilot-{camera}.json"

    # -- decisions -----------------------------------------------------------------

    def decisions(self, camera: str | None = None) -> list[dict[str, Any]]:
        """Recorded decisions, the oldest first."""
        prefix = f"{_ROOT}/decisions/" + (f"{camera}/" if camera else "")
        found = [self.read_json(key, version) for key, version in self.listing(prefix).items()]
        kept = [one for one in found if one is not None]
        return sorted(kept, key=lambda one: (one["at"], one["camera"], one["number"]))

    def record(self, decision: dict[str, Any]) -> dict[str, Any]:
        """Keep a decision under its camera and number; as it will be read."""
        key = f"{_ROOT}/decisions/{decision['camera']}/{decision['number']:06d}.json"
        self.keep_json(key, decision)
        kept: dict[str, Any] = json.loads(json.dumps(decision))
        return kept
