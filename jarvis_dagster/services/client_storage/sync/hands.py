"""What an action does to a drive.

Belongs here: the calls to the drives. Does not belong here: which actions, in
which order (``executor.py``), what is where then (``places.py``).

Every change is conditional on what was planned from: what somebody else changed
meanwhile raises ``ConflictError`` and stays as it is.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    NotSupportedError,
    PermanentError,
    TransientError,
    UnusableNameError,
)
from jarvis_dagster.services.client_storage.local import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync.names import stand_ins
from jarvis_dagster.services.client_storage.sync.places import Places
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.sync.model import (
        Action,
        Node,
        Side,
        SideName,
        Tree,
    )

__all__ = ["Hands", "NoContentError"]


class NoContentError(NotSupportedError):
    """A document of the provider's own kind: what is fetched for it is not the document."""


class Hands:
    """Does what actions say, and notes in ``places`` what is where then."""

    def __init__(
        self, sides: Mapping[SideName, Side], trees: Mapping[SideName, Tree], scratch: Path
    ) -> None:
        self.places = Places(sides, trees)
        self._scratch = scratch
        self._fetched = threading.local()

    def do(self, action: Action) -> Sequence[str]:
        """Carry out one action; returns the paths at which something is different now.

        Raises:
            ConflictError: somebody else changed something; it is left as it is.
            JarvisError: the drive could not do it.
        """
        match action.kind:
            case "rename" | "move":
                return self._move(action)
            case "folder":
                return self._make_folder(action)
            case "copy" | "replace":
                return self._bring(action)
            case "delete":
                return self._delete(action)
            case "remove":
                return self._remove_folder(action)

    def _fetch(self, side: SideName, node: Node) -> tuple[Path, str]:
        """A file of this machine with the content of a node, and its hash."""
        file, drive = self.places.now(side, node), self.places.drive(side)
        if isinstance(drive, LocalFolderDrive) and not node.file.is_fresh:
            path = drive.path_of(file.id)  # sent as it is, and looked at again afterwards
            sha256 = sha256_file(path)
        elif getattr(self._fetched, "what", None) == (side, file.id, file.version):
            return self._fetched.path, self._fetched.sha256
        else:
            self._fetched.what = None
            path = self._scratch / f"{threading.get_ident()}"
            try:
                got = drive.download(file.id, path)
            except NotSupportedError as error:
                raise NoContentError(str(error)) from error
            except (TransientError, BadInputError) as error:
                if not self.places.is_still(side, file):
                    raise _changed(node.path) from error
                raise
            if got.version != file.version:
                raise _changed(node.path)
            if path.stat().st_size != file.size:  # an export, which is never twice the same
                raise NoContentError(f"{node.path} is a document that can only be exported.")
            sha256 = sha256_file(path)
        if node.sha256 and node.sha256 != sha256:
            raise _changed(node.path)
        self._fetched.what = (side, file.id, file.version)
        self._fetched.path, self._fetched.sha256 = path, sha256
        return path, sha256

    def _bring(self, action: Action) -> Sequence[str]:
        side, source, target = action.side, action.source, action.target
        if source is None:
            raise TypeError(action)
        path, sha256 = self._fetch(action.source_side, source)
        sent = self.places.now(action.source_side, source)
        folder_id, drive = self.places.folder_id(side, action.path), self.places.drive(side)
        try:
            if target is None:
                made, name = self._named(
                    action, lambda name: drive.upload(path, folder_id, name, exact=True)
                )
            else:
                name, replace = target.file.name, self.places.now(side, target)
                made = drive.upload(path, folder_id, name, replace=replace, exact=True)
        except ConflictError:
            raise
        except BadInputError as error:
            if not self.places.is_still(action.source_side, sent):
                raise _changed(action.path) from error
            raise
        if made.size != source.file.size or (made.sha256 and made.sha256 != sha256):
            raise TransientError(f"{action.path} did not arrive as it was sent.", "Try again.")
        if path.parent != self._scratch and not self.places.is_still(action.source_side, sent):
            raise _changed(action.path)
        self.places.put(side, action.path, made, sha256, name)
        self.places.learn(action.source_side, source, action.path, sha256)
        return [action.path]

    def _move(self, action: Action) -> Sequence[str]:
        side, node = action.side, action.source
        if node is None:
            raise TypeError(action)
        drive, file = self.places.drive(side), self.places.now(side, node)
        old = node.path
        if not self.places.is_still(side, file):
            raise _changed(old)
        folder_id = self.places.folder_id(side, action.path)
        moved, name = self._named(
            action, lambda name: drive.move(file.id, folder_id, name, exact=True), moving=True
        )
        self.places.move(side, node, moved)
        # A drive whose versions change with a move does not tell that the content did not.
        if moved.version != file.version and drive.sha256(moved.id) != node.sha256:
            raise _changed(action.path)
        self.places.put(side, action.path, moved, node.sha256, name)
        return [action.path, old]

    def _make_folder(self, action: Action) -> Sequence[str]:
        side, path = action.side, action.path
        drive, parent_id = self.places.drive(side), self.places.folder_id(side, path)
        folder, name = self._named(action, lambda name: drive.create_folder(name, parent_id))
        if not folder.is_folder:
            raise ConflictError(
                f"There is a file named {path} meanwhile.",
                "Rename one of the two; the next run goes on.",
            )
        self.places.put(side, path, folder, "", name)
        return [path]

    def _named(
        self, action: Action, do: Callable[[str], DriveFile], *, moving: bool = False
    ) -> tuple[DriveFile, str]:
        """Do it under the name of the action's path, or one that stands in for it.

        That is where the drive cannot hold the name, or takes it for that of another
        file, which it is not. Returns what the drive has now, and the name that it was asked for.
        """
        side, path = action.side, action.path
        name = path.rpartition("/")[2]
        for asked in (name, *stand_ins(name, is_folder=action.kind == "folder")):
            try:
                made = do(asked)
            except UnusableNameError:
                continue
            except (BadInputError, ConflictError):
                if not self.places.is_held_back(side, path, asked):
                    raise
            else:
                # What is moved is known, and by its old path.
                if moving or not self.places.is_of_another(side, path, made):
                    return made, asked
        raise PermanentError(
            f"{path} can have no name there: all that could stand in for it are taken or refused.",
            "Rename it.",
        )

    def _delete(self, action: Action) -> Sequence[str]:
        if action.target is None:
            raise TypeError(action)
        drive, file = self.places.drive(action.side), self.places.now(action.side, action.target)
        _trash(drive, file.id, file.version)
        self.places.clear(action.side, action.path)
        return [action.path]

    def _remove_folder(self, action: Action) -> Sequence[str]:
        if action.target is None:
            raise TypeError(action)
        drive = self.places.drive(action.side)
        for folder in (action.target.file, *action.target.twins):
            if next(iter(drive.list_all(folder.id)), None) is not None:
                raise ConflictError(
                    f"Something came into {action.path} meanwhile.", "The next run looks at it."
                )
            _trash(drive, folder.id, None)
        self.places.clear(action.side, action.path)
        return [action.path]


def _trash(drive: Drive, file_id: str, version: str | None) -> None:
    try:
        drive.trash(file_id, version=version)
    except ConflictError:
        raise
    except BadInputError:
        if drive.stat(file_id) is not None:  # it is not that somebody was quicker
            raise


def _changed(path: str) -> ConflictError:
    return ConflictError(f"{path} was changed meanwhile.", "The next run looks at it again.")
