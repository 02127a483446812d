"""What a file is by its content, whatever its name says.

Belongs here: kinds (images, videos, documents, datasets) by media type and by
the first bytes. Does not belong here: what is done with a file of a kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.drive import file_type

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["kind_of_content", "kind_of_media_type"]

_HEAD_BYTES = 1 << 16
_LEAST_CONFIDENCE = 0.3
_DATA = ("csv", "json", "parquet", "tab-separated", "yaml", "sheet", "excel", "zip", "sqlite")
_WRITTEN = ("pdf", "word", "presentation", "powerpoint", "opendocument", "rtf", "html")
_FILMED = ("matroska", "mp4", "quicktime", "mpegurl", "mxf")


def kind_of_media_type(media_type: str) -> str | None:
    """``images``, ``videos``, ``documents`` or ``datasets``; None for what is none of them."""
    group, _, name = media_type.lower().partition("/")
    if group in {"image", "video"}:
        return f"{group}s"
    for kind, words in (("videos", _FILMED), ("datasets", _DATA), ("documents", _WRITTEN)):
        if any(word in name for word in words):
            return kind
    return "documents" if group == "text" else None


def kind_of_content(path: Path) -> str | None:
    """The kind of a file by its first bytes, its name deciding what they leave open.

    None is what is no image, video, document or data set, such as a program.
    """
    import puremagic

    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    named = file_type(path.name)
    if not head:
        return None
    try:
        found = puremagic.magic_string(head, filename=path.name)
    except puremagic.PureError:
        found = []
    sure = [match for match in found if match.confidence >= _LEAST_CONFIDENCE]
    kinds = [kind_of_media_type(match.mime_type) for match in sure]
    if named in kinds:
        return named  # an office document is a zip file too
    if any(kinds):
        return next(kind for kind in kinds if kind)
    if named is None and _is_text(head):
        return "documents"
    return None if sure else named


def _is_text(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # not just a character cut in two
            return False
    return b"\0" not in head
