"""What every service does with files: hash, name and replace them safely.

Belongs here: streaming hashes, names that are safe on any file system or key
store, writing through a temporary file. Does not belong here: anything that
knows a drive, a bucket or a table.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CHUNK_BYTES",
    "atomic_path",
    "keep_first",
    "readable_file",
    "safe_name",
    "sha256_file",
]

CHUNK_BYTES = 1 << 20
_NAME_BYTES = 200  # leaves room for suffixes below the 255 bytes of most file systems
_RESERVED = {"CON", "PRN", "AUX", "NUL"} | {f"{d}{n}" for d in ("COM", "LPT") for n in range(1, 10)}


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content in hex, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def readable_file(path: str | Path) -> Path:
    """``path`` as a Path to a regular file that can be opened.

    Raises:
        BadInputError: it is missing, not a regular file, or not readable.
    """
    path = Path(path)
    if not path.is_file():
        kind = "is a folder" if path.is_dir() else "does not exist or is not a regular file"
        raise BadInputError(f"{path} {kind}.", "Name an existing file.")
    if not os.access(path, os.R_OK):
        raise BadInputError(f"{path} cannot be read.", "Give this user permission to read it.")
    return path


def safe_name(name: str) -> str:
    """``name`` as one path component that any file system or key store accepts.

    Folders are cut off, control characters and ``\\ / : * ? " < > |`` become
    ``_``, Unicode is composed (NFC), the length is limited to 200 bytes with
    the extension kept. The result is never empty, ``.`` or ``..``.
    """
    name = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    name = name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]
    name = "".join("_" if c in '<>:"|?*' or not _printable(c) else c for c in name)
    name = name.strip().rstrip(". ")
    if not name or name.split(".")[0].upper() in _RESERVED:
        name = f"_{name}"
    stem, dot, extension = name.rpartition(".")
    if not stem or len(extension.encode()) > 20:
        stem, dot, extension = name, "", ""
    room = _NAME_BYTES - len((dot + extension).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip() + dot + extension


def _printable(character: str) -> bool:
    # Cc, Cs: control and lone surrogates; Cf other than the joiners that emoji
    # and some scripts need: direction overrides that disguise an extension.
    category = unicodedata.category(character)
    return category not in {"Cc", "Cs", "Zl", "Zp"} and (
        category != "Cf" or character in "\u200c\u200d" or "\U000e0020" <= character <= "\U000e007f"
    )


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that becomes ``target`` on success.

    A reader of ``target`` sees the old content or the new, never a part of it;
    on an exception ``target`` is untouched and the temporary file is gone.

    Raises:
        BadInputError: the folder cannot be written.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name[:60]}.{secrets.token_hex(6)}.part")
        partial.touch(exist_ok=False)
    except OSError as error:
        raise BadInputError(
            f"{target} cannot be written ({error.strerror}).",
            "Check the folder's permissions and the free space.",
        ) from error
    try:
        yield partial
        with partial.open("rb") as stream:
            os.fsync(stream.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def keep_first(path: Path, text: str) -> None:
    """Write a private file if there is none: whole, and of several that do so at once the first.

    Raises:
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name[:60]}.{secrets.token_hex(6)}.part")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
