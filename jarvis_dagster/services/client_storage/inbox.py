"""The folders of a drive that Jarvis works in: Uploads, Results, Quarantine.

Belongs here: what is taken from and put into these folders, over any drive.
Does not belong here: providers, when to look (the sensor), what a video is.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, JarvisError, PermanentError
from jarvis_dagster.services.client_storage.local import LocalFolderDrive
from jarvis_dagster.services.client_storage.manifest import MANIFEST_NAME, Manifest
from jarvis_dagster.services.client_storage.notes import clear_undelivered, write_undelivered
from jarvis_dagster.services.files import safe_name, sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.service import JarvisClientStorageService

__all__ = ["CALIBRATION_SUFFIX", "Delivery", "Inbox", "Upload", "is_footage"]

CALIBRATION_SUFFIX = ".calibration.json"


@dataclasses.dataclass(frozen=True)
class Upload:
    """A complete file in the Uploads folder.

    Args:
        sha256: Of the content, in hex; empty where the drive does not tell it
            and the file has not been fetched.
    """

    drive: str
    file_id: str
    path: str
    name: str
    version: str
    sha256: str

    @property
    def content(self) -> str:
        """What the content is known by, 64 hex digits: its hash, or one of file and version."""
        named = f"{self.drive}\0{self.file_id}\0{self.version}"
        return self.sha256 or hashlib.sha256(named.encode()).hexdigest()

    @property
    def suffix(self) -> str:
        """The extension in lower case, or ``.mp4`` where the name has none that is usable."""
        suffix = PurePosixPath(self.name).suffix.lower()
        return suffix if suffix[1:].isascii() and suffix[1:].isalnum() else ".mp4"


@dataclasses.dataclass(frozen=True)
class Delivery:
    """What was put where, and who was given it.

    Args:
        path: Of the folder in the drive.
        files: With their hashes.
        shared_with: Who can read the folder because the settings say so.
    """

    path: str
    files: list[dict[str, Any]]
    shared_with: tuple[str, ...] = ()


class Inbox:
    """Uploads in, results out.

    Args:
        service: The client storage service that knows the drive.
        drive_name: The drive's name there.
        root: The folder of the drive that all others are in.
    """

    def __init__(self, service: JarvisClientStorageService, drive_name: str, root: str) -> None:
        self._service = service
        self._name = drive_name
        self._root = root

    @property
    def drive(self) -> Drive:
        """The drive itself."""
        return self._service.drive(self._name)

    def folder(self, name: str) -> DriveFile:
        """``Uploads``, ``Results``, ``Training`` or ``Quarantine``; made if missing."""
        root = self.drive.create_folder(self._root)
        return self.drive.create_folder(name, root.id)

    def listing(self) -> Iterator[DriveFile]:
        """Every file below Uploads, calibrations excepted."""
        for file in self.drive.list_all(self.folder("Uploads").id, recursive=True):
            if not file.is_folder and is_footage(file):
                yield file

    def present(self, file_id: str) -> DriveFile | None:
        """The file if it is below Uploads now."""
        file = self.drive.stat(file_id)
        inside = file is not None and file.path.startswith(f"{self._uploads_path}/")
        return file if inside else None

    @functools.cached_property
    def _uploads_path(self) -> str:
        return self.folder("Uploads").path

    def look(self, file: DriveFile) -> Upload | None:
        """The upload, with its hash where that costs no transfer; None if it changed."""
        upload = self._upload(file, self._cheap_sha256(file))
        now = self.drive.stat(file.id)
        return upload if now is not None and now.version == file.version else None

    def find(self, content_prefix: str, file_id: str | None = None) -> Upload:
        """The upload whose content starts so; looked for under ``file_id`` first.

        A named file whose hash is not known is taken at its word: fetching it tells.

        Raises:
            BadInputError: there is none.
        """
        named = self.drive.stat(file_id) if file_id else None
        for file in (*([named] if named else []), *self.listing()):
            if not file.size:
                continue
            upload = self._upload(file, self._cheap_sha256(file))
            if upload.content.startswith(content_prefix) or (
                not upload.sha256 and file.id == file_id
            ):
                return upload
        raise BadInputError(
            f"No file in {self.folder('Uploads').path} has content {content_prefix}….",
            "Upload the video again.",
        )

    def _cheap_sha256(self, file: DriveFile) -> str:
        """The hash where the drive tells it or is on this machine; otherwise empty."""
        is_here = self.local_path(file.path) is not None
        return file.sha256 or (self.drive.sha256(file.id) if is_here else "")

    def local_path(self, path: str) -> Path | None:
        """Where a file of the drive is on this machine; None if the drive is elsewhere."""
        drive = self.drive
        return drive.root / path if isinstance(drive, LocalFolderDrive) else None

    def fetch(self, upload: Upload, path: Path) -> Upload:
        """Bring the upload's content to ``path``, verified; the upload with its hash.

        Raises:
            PermanentError: the file is no longer what it was.
        """
        if upload.sha256 and path.is_file() and sha256_file(path) == upload.sha256:
            return upload
        fetched = self.drive.download(upload.file_id, path)
        sha256 = sha256_file(path)
        if sha256 != upload.sha256 if upload.sha256 else fetched.version != upload.version:
            raise PermanentError(
                f"{upload.path} changed while it was fetched.",
                "It is looked at again as a new upload.",
            )
        return dataclasses.replace(upload, sha256=sha256)

    def sidecar(self, source: dict[str, Any], path: Path) -> Path | None:
        """Fetch the calibration beside an upload into ``path``; None if there is none."""
        beside = str(PurePosixPath(source["path"]).with_suffix("")) + CALIBRATION_SUFFIX
        file = self.drive.find(beside) if _is_name(PurePosixPath(beside).name) else None
        if file is None:
            return None
        self.drive.download(file.id, path)
        return path

    def place(
        self, video: Path, sha256: str, progress: Callable[[int, int], None] | None = None
    ) -> Upload:
        """Upload a file of this machine whose hash is known, with the calibration beside it.

        A file in the Uploads folder itself, or one with the same content, stays.
        """
        tell = progress or _silent
        tell(0, 1)
        uploads = self.folder("Uploads")
        size = video.stat().st_size
        same = [file for file in self.listing() if file.size == size]
        found = next((file for file in same if self.drive.sha256(file.id) == sha256), None)
        file = found or self.drive.upload(video, uploads.id)
        calibration = video.with_name(video.stem + CALIBRATION_SUFFIX)
        if _is_name(calibration.name) and calibration.is_file():
            self._place_sidecar(calibration, file)
        tell(1, 1)
        return self._upload(file, sha256)

    def _place_sidecar(self, calibration: Path, file: DriveFile) -> None:
        stem = str(PurePosixPath(file.path).with_suffix(""))
        there = self.drive.find(stem + CALIBRATION_SUFFIX)
        parent = self.drive.find(str(PurePosixPath(file.path).parent))
        self.drive.upload(
            calibration,
            parent.id if parent else None,
            PurePosixPath(stem).name + CALIBRATION_SUFFIX,
            replace=there,
        )

    def quarantine(self, upload: Upload | DriveFile, error: JarvisError) -> bool:
        """Move a file that cannot be analysed out of Uploads, and say why beside it.

        False if it is gone or was replaced: what is there now is looked at on its own.
        """
        file_id = upload.file_id if isinstance(upload, Upload) else upload.id
        file = self.drive.stat(file_id)
        if file is None or file.version != upload.version:
            return False
        folder = self.folder("Quarantine")
        moved = self.drive.move(file.id, folder.id)
        with tempfile.TemporaryDirectory() as scratch:
            note = Path(scratch) / "note.txt"
            note.write_text(
                f"{file.name} could not be analysed.\n\nWhy: {error.what}\n"
                + (f"What to do: {error.remedy}\n" if error.remedy else "")
                + "\nPut a mended file into Uploads to try again.\n",
                "utf-8",
            )
            self.drive.upload(note, folder.id, f"{moved.name}.txt")
        return True

    def deliver(
        self,
        source: dict[str, Any],
        files: dict[str, Path],
        *,
        share_with: Sequence[str] = (),
        role: str = "reader",
    ) -> Delivery:
        """Put results into ``Results/<video>/`` with a manifest; the same again changes nothing.

        Args:
            source: Record of the video (``name``, ``path``, ``sha256``), and what
                Jarvis calls it (``partition``), if that is to be in the manifest.
            files: Path within the folder, and the file.
            share_with: Who is given the folder, where the drive knows people.
        """
        folder = self.results_folder(source)
        about = {"video": source["name"], "video_sha256": source["sha256"]}
        if source.get("partition"):
            about["partition"] = source["partition"]
        self._service.export_results(
            files,
            self._name,
            folder.id,
            component="delivery",
            complete=True,
            about=about,
            material=[source["path"]],
        )
        if share_with and self.drive.can_share:
            self._service.share(self._name, folder.id, share_with, role, component="delivery")
        clear_undelivered(self.drive, folder)
        manifest = self._manifest(folder)
        return Delivery(
            folder.path,
            [entry.model_dump() for entry in manifest.files],
            tuple(share_with) if self.drive.can_share else (),
        )

    def refuse(self, source: dict[str, Any], why: Sequence[str]) -> None:
        """Say in ``Results/<video>/`` why nothing is delivered, until something is."""
        write_undelivered(self.drive, self.results_folder(source), source["name"], why)

    def results_folder(self, source: dict[str, Any]) -> DriveFile:
        """The folder named as the video, unless another video of that name has it."""
        results = self.folder("Results")
        for name in _results_names(source):
            folder = self.drive.create_folder(name, results.id)
            if self._may_hold(folder, source):
                return folder
        raise PermanentError(f"Results/{name} belongs to other videos.", "Rename that folder.")

    def find_results(self, source: dict[str, Any]) -> DriveFile | None:
        """The folder of :meth:`results_folder` if it is there."""
        results = self.folder("Results")
        for name in _results_names(source):
            folder = self.drive.find(f"{results.path}/{name}")
            if folder is None or self._may_hold(folder, source):
                return folder
        return None

    def _may_hold(self, folder: DriveFile, source: dict[str, Any]) -> bool:
        """Whether a folder is of that video, or of none.

        An empty owner is a folder that a person made, or an export that never ended.
        """
        owner = self._manifest(folder).about.get("video_sha256", "")
        return owner in ("", source["sha256"])

    def about_results(self, file: DriveFile) -> dict[str, str]:
        """What the manifest beside a file in Results says that the results are of."""
        return dict(self.manifest_at(file.path.rpartition("/")[0]).about)

    def manifest_at(self, path: str) -> Manifest:
        """The manifest of what Jarvis put into the folder of that path; an empty one for none."""
        folder = self.drive.find(path)
        return Manifest() if folder is None else self._manifest(folder)

    def is_whole(self, folder: DriveFile) -> bool:
        """Whether an export into a folder came to its end."""
        manifest = self._manifest(folder)
        return bool(manifest.files) and not manifest.pending

    def _manifest(self, folder: DriveFile) -> Manifest:
        file = self.drive.find(f"{folder.path}/{MANIFEST_NAME}")
        if file is None:
            return Manifest()
        with tempfile.TemporaryDirectory() as scratch:
            copy = Path(scratch) / MANIFEST_NAME
            self.drive.download(file.id, copy)
            return Manifest.read(copy)

    def _upload(self, file: DriveFile, sha256: str) -> Upload:
        return Upload(self._name, file.id, file.path, file.name, file.version, sha256)


def _results_names(source: dict[str, Any]) -> tuple[str, str]:
    """Its own name, and the one for where another video has that."""
    stem = safe_name(PurePosixPath(source["name"]).stem)
    return stem, f"{stem} ({source['sha256'][:8]})"


def is_footage(file: DriveFile) -> bool:
    """Whether a file in Uploads is one to analyse, and not a calibration beside one."""
    return not file.name.endswith(CALIBRATION_SUFFIX)


def _is_name(name: str) -> bool:
    """Whether file systems can have a file of that name at all."""
    return len(name.encode("utf-8", "surrogateescape")) <= 255


def _silent(_done: int, _total: int) -> None:
    """Tell nobody."""
