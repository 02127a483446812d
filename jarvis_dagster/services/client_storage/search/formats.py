"""Which files hold text, and how it is read.

Belongs here: formats by name, media type and first bytes. Does not belong here:
reading them (``reading/``). Standard library alone: the reader's process uses it.
"""

from __future__ import annotations

import io
import zipfile
from typing import IO

__all__ = ["KINDS", "extension_of", "format_of_content", "kind_of", "may_hold_text"]

_TEXT = {
    *("txt", "text", "md", "markdown", "rst", "log", "csv", "tsv", "jsonl", "ndjson"),
    *("yaml", "yml", "toml", "ini", "cfg", "tex", "xml", "py", "js", "css", "sh", "sql", "r"),
}
_BY_EXTENSION = {
    **dict.fromkeys(_TEXT, "text"),
    **dict.fromkeys(("html", "htm", "xhtml"), "html"),
    **dict.fromkeys(("srt", "vtt"), "captions"),
    "json": "json",
    "parquet": "parquet",
    "pdf": "pdf",
    **dict.fromkeys(("docx", "docm", "dotx"), "docx"),
    **dict.fromkeys(("xlsx", "xlsm"), "xlsx"),
    **dict.fromkeys(("pptx", "pptm", "ppsx"), "pptx"),
    **{name: name for name in ("odt", "ods", "odp", "doc", "xls", "ppt", "rtf", "epub", "eml")},
}
_BY_MEDIA_TYPE = {
    "text/html": "html",
    "text/vtt": "captions",
    "application/x-subrip": "captions",
    "application/json": "json",
    "application/pdf": "pdf",
    "application/rtf": "rtf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/epub+zip": "epub",
    "message/rfc822": "eml",
    "application/vnd.apache.parquet": "parquet",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.presentation": "odp",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_BY_START = {b"%PDF-": "pdf", b"PAR1": "parquet", b"{\\rtf": "rtf"}
_ZIPPED = ("docx", "xlsx", "pptx", "odt", "ods", "odp", "epub")
_OLE = ("doc", "xls", "ppt")

KINDS = {
    "image": ("bmp", "gif", "heic", "jpeg", "jpg", "png", "svg", "tif", "tiff", "webp"),
    "video": ("avi", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "ts", "webm"),
    "audio": ("aac", "flac", "m4a", "mp3", "ogg", "opus", "wav"),
    "document": (
        *("pdf", "doc", "docx", "docm", "odt", "rtf", "txt", "text", "md", "markdown", "rst"),
        *("html", "htm", "xhtml", "ppt", "pptx", "pptm", "ppsx", "odp", "epub", "eml", "tex"),
    ),
    "dataset": (
        *("csv", "tsv", "json", "jsonl", "ndjson", "parquet", "yaml", "yml", "xls", "xlsx"),
        *("xlsm", "ods", "zip", "xml"),
    ),
    "caption": ("srt", "vtt"),
}
"""What ``type:`` may name, and the extensions that belong to it; ``folder`` is one more."""


def extension_of(name: str) -> str:
    """What follows the last dot, in lower case; empty if there is none."""
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem and len(extension) <= 12 else ""


def kind_of(name: str, media_type: str) -> str:
    """One of :data:`KINDS`, or ``other``."""
    extension = extension_of(name)
    found = next((kind for kind, known in KINDS.items() if extension in known), None)
    if found is None:
        main = media_type.partition("/")[0]
        found = main if main in ("image", "video", "audio") else None
    if found is None:
        found = "document" if may_hold_text(name, media_type) else "other"
    return found


def may_hold_text(name: str, media_type: str) -> str | None:
    """The format that the name or media type promises; None where no text is expected."""
    extension = extension_of(name)
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    if any(extension in KINDS[kind] for kind in ("image", "video", "audio")):
        return None
    media_type = media_type.partition(";")[0].strip().lower()
    if media_type in _BY_MEDIA_TYPE:
        return _BY_MEDIA_TYPE[media_type]
    return "text" if media_type.startswith("text/") else None


def format_of_content(stream: IO[bytes], promised: str) -> str:
    """The format of what is there, which is not always what its name promises."""
    head = stream.read(1024)
    for start, found in _BY_START.items():
        if head.startswith(start):
            return found
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        # Either an old document or a new one that is encrypted.
        return promised if promised in _OLE else "encrypted" if promised in _ZIPPED else "doc"
    if head.startswith(b"PK\x03\x04"):
        return promised if promised in _ZIPPED else _zipped(stream) or "archive"
    if promised in (*_ZIPPED, *_OLE) and head.lstrip()[:1] == b"<":
        return "html"  # "Excel" files of web pages
    return promised


def _zipped(stream: IO[bytes]) -> str | None:
    stream.seek(0, io.SEEK_SET)
    try:
        with zipfile.ZipFile(stream) as archive:
            names = set(archive.namelist()[:2000])
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return None
    for part, found in (
        ("word/document.xml", "docx"),
        ("xl/workbook.xml", "xlsx"),
        ("ppt/presentation.xml", "pptx"),
        ("content.xml", "odt"),
        ("META-INF/container.xml", "epub"),
    ):
        if part in names:
            return found
    return None
