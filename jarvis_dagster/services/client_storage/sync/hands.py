"""What an action does to a drive.

Belongs here: the calls to the drives, and what is known to be there after them.
Does not belong here: which actions, in which order (``executor.py``).

Every change is conditional on what was planned from: what somebody else changed
meanwhile raises ``ConflictError`` and stays as it is.
"""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING

from jarvis_dagster.errors import (
    BadInputError,
    ConflictError,
    NotSupportedError,
    PermanentError,
    TransientError,
)
from jarvis_dagster.services.client_storage.local import LocalFolderDrive
from jarvis_dagster.services.client_storage.sync.model import Seen, other
from jarvis_dagster.services.client_storage.sync.names import (
    composed,
    is_same_name,
    parent,
    tamed,
)
from jarvis_dagster.services.client_storage.sync.tree import is_fresh
from jarvis_dagster.services.files import sha256_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jarvis_dagster.services.client_storage.drive import Drive, DriveFile
    from jarvis_dagster.services.client_storage.sync.model import (
        Action,
        FileKey,
        Node,
        Place,
        Side,
        SideName,
        Tree,
    )

__all__ = ["Hands", "NoContentError", "There"]


@dataclasses.dataclass(frozen=True, slots=True)
class There:
    """What is known to be at a place; ``listed`` as in ``Seen``."""

    file: DriveFile
    sha256: str
    raw: str
    listed: bool
    fresh: bool

    def is_same(self, another: There) -> bool:
        """Whether both are folders, or files of one content."""
        if self.file.is_folder or another.file.is_folder:
            return self.file.is_folder and another.file.is_folder
        return bool(self.sha256) and self.sha256 == another.sha256

    def seen(self) -> Seen:
        """What is remembered of it."""
        return Seen(self.file.id, "" if self.fresh else self.file.version, self.raw, self.listed)


class NoContentError(NotSupportedError):
    """A document of the provider's own kind: what is fetched for it is not the document."""


class Hands:
    """Does what actions say and keeps track of what is there.

    Attributes:
        contents: Version and hash of what was sent and fetched.
    """

    def __init__(
        self, sides: Mapping[SideName, Side], trees: Mapping[SideName, Tree], scratch: Path
    ) -> None:
        self.contents: dict[FileKey, tuple[str, str]] = {}
        self._sides = sides
        self._trees = trees
        self._scratch = scratch
        self._fetched = threading.local()
        self._changed: dict[Place, There | None] = {}
        self._moved: dict[FileKey, DriveFile] = {}

    def there(self, side: SideName, path: str) -> There | None:
        """What is at a path of a side now, as far as this run knows."""
        if (side, path) in self._changed:
            return self._changed[side, path]
        node = self._trees[side].nodes.get(path)
        if node is None:
            return None
        raw = "" if node.raw == node.path else node.raw
        return There(node.file, node.sha256, raw, listed=True, fresh=node.fresh)

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

    def _drive(self, side: SideName) -> Drive:
        return self._sides[side].drive

    def _now(self, side: SideName, node: Node) -> DriveFile:
        """The file of a node, which may have been moved since it was listed."""
        return self._moved.get((side, node.file.id), node.file)

    def _folder_id(self, side: SideName, path: str) -> str | None:
        above = parent(path)
        if not above:
            return self._sides[side].folder_id
        folder = self.there(side, above)
        if folder is None or not folder.file.is_folder:
            raise PermanentError(f"{path} has no folder to be in, because {above} is not there.")
        return folder.file.id

    def _put(self, side: SideName, path: str, file: DriveFile, sha256: str, asked: str) -> None:
        """Note what a drive made, if it is what it was asked for.

        Raises:
            PermanentError: it has another name.
        """
        if not is_same_name(asked, file.name):
            raise PermanentError(
                f"{path} became {file.name}, because the drive cannot tell these names apart"
                " or cannot hold this one.",
                "Rename one of them.",
            )
        top = self._trees[side].top
        raw = composed(file.path)[len(top) :]
        if sha256:
            self.contents[side, file.id] = (file.version, sha256)
        self._changed[side, path] = There(
            file,
            sha256,
            "" if raw == path else raw,
            listed=False,
            fresh=is_fresh(self._sides[side], file),
        )

    def _fetch(self, side: SideName, node: Node) -> tuple[Path, str]:
        """A file of this machine with the content of a node, and its hash."""
        file, drive = self._now(side, node), self._drive(side)
        if isinstance(drive, LocalFolderDrive) and not node.fresh:
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
                if not self._is_still(side, file):
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

    def _is_still(self, side: SideName, file: DriveFile) -> bool:
        now = self._drive(side).stat(file.id)
        return now is not None and now.version == file.version

    def _bring(self, action: Action) -> Sequence[str]:
        side, source, target = action.side, action.source, action.target
        if source is None:
            raise TypeError(action)
        path, sha256 = self._fetch(action.source_side, source)
        sent = self._now(action.source_side, source)
        if target is not None:
            name = target.file.name
        elif source.path == action.path:
            name = sent.name
        else:
            name = action.path.rpartition("/")[2]
        folder_id = self._folder_id(side, action.path)
        replace = None if target is None else self._now(side, target)
        try:
            made = self._drive(side).upload(path, folder_id, name, replace=replace, exact=True)
        except ConflictError as error:
            raise self._collision(action) or error from error
        except BadInputError as error:
            if not self._is_still(action.source_side, sent):
                raise _changed(action.path) from error
            raise
        if made.size != source.file.size or (made.sha256 and made.sha256 != sha256):
            raise TransientError(f"{action.path} did not arrive as it was sent.", "Try again.")
        if path.parent != self._scratch and not self._is_still(action.source_side, sent):
            raise _changed(action.path)
        self._put(side, action.path, made, sha256, name)
        self._learn(action.source_side, source, action.path, sha256)
        return [action.path]

    def _learn(self, side: SideName, source: Node, path: str, sha256: str) -> None:
        """Note the hash of what was sent, where it came from."""
        file = self._now(side, source)
        self.contents[side, file.id] = (file.version, sha256)
        origin = self.there(side, path)
        if source.path == path and origin is not None:
            self._changed[side, path] = dataclasses.replace(origin, sha256=sha256)

    def _collision(self, action: Action) -> PermanentError | None:
        """Why a free path is taken: by a name that the drive cannot tell from it."""
        like = tamed(action.path.rpartition("/")[2]).casefold()
        folder = parent(action.path)
        made = {path for side, path in list(self._changed) if side == action.side}
        for path in self._trees[action.side].nodes.keys() | made:
            name = path.rpartition("/")[2]
            if path != action.path and parent(path) == folder and tamed(name).casefold() == like:
                return PermanentError(
                    f"{action.path} cannot be beside {path} there: the drive takes them for one.",
                    "Rename one of them.",
                )
        return None

    def _move(self, action: Action) -> Sequence[str]:
        side, node = action.side, action.source
        if node is None:
            raise TypeError(action)
        drive, file = self._drive(side), self._now(side, node)
        name, old = action.path.rpartition("/")[2], node.path
        if not self._is_still(side, file):
            raise _changed(old)
        folder_id = self._folder_id(side, action.path)
        try:
            moved = drive.move(file.id, folder_id, name, exact=True)
        except ConflictError as error:
            raise self._collision(action) or error from error
        self._moved[side, node.file.id] = moved
        listed = self._trees[side].nodes.get(old)
        if listed is not None and listed.file.id == node.file.id:
            self._changed[side, old] = None
        # A drive whose versions change with a move does not tell that the content did not.
        if moved.version != file.version and drive.sha256(moved.id) != node.sha256:
            raise _changed(action.path)
        self._put(side, action.path, moved, node.sha256, name)
        return [action.path, old]

    def _make_folder(self, action: Action) -> Sequence[str]:
        side, path = action.side, action.path
        there = self.there(other(side), path)
        name = there.file.name if there and there.file.is_folder else path.rpartition("/")[2]
        folder = self._drive(side).create_folder(name, self._folder_id(side, path))
        if not folder.is_folder:
            raise ConflictError(f"There is a file named {path} meanwhile.")
        self._put(side, path, folder, "", name)
        return [path]

    def _delete(self, action: Action) -> Sequence[str]:
        if action.target is None:
            raise TypeError(action)
        drive, file = self._drive(action.side), self._now(action.side, action.target)
        _trash(drive, file.id, file.version)
        self._changed[action.side, action.path] = None
        return [action.path]

    def _remove_folder(self, action: Action) -> Sequence[str]:
        if action.target is None:
            raise TypeError(action)
        drive = self._drive(action.side)
        for folder in (action.target.file, *action.target.twins):
            if next(iter(drive.list_all(folder.id)), None) is not None:
                raise ConflictError(f"Something came into {action.path} meanwhile.")
            _trash(drive, folder.id, None)
        self._changed[action.side, action.path] = None
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
