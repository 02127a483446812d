"""PDF, presentations, workbooks, OpenDocument, e-books, mail and old office files.

Belongs here: what the libraries kreuzberg and pypdf read. Does not belong here:
formats that are text (``plain.py``), docx (``word.py``), Parquet (``tables.py``).
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.client_storage.search.reading.sink import (
    FullError,
    Sink,
    UnreadableError,
)

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_document", "read_pdf"]

_OPEN = "application/vnd.oasis.opendocument"
_OFFICE = "application/vnd.openxmlformats-officedocument"
_MEDIA_TYPES = {
    "pdf": "application/pdf",
    "xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    "pptx": f"{_OFFICE}.presentationml.presentation",
    "odt": f"{_OPEN}.text",
    "ods": f"{_OPEN}.spreadsheet",
    "odp": f"{_OPEN}.presentation",
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "rtf": "application/rtf",
    "epub": "application/epub+zip",
    "eml": "message/rfc822",
}
_ABOUT = ("title", "subject", "authors", "creator", "keywords", "description", "from_email")


def read_document(path: Path, found: str, sink: Sink) -> None:
    """The text of a document by kreuzberg; its title, author and the like."""
    import kreuzberg

    options: dict[str, Any] = {
        "use_cache": False,
        "disable_ocr": True,
        "output_format": "plain",
        "enable_quality_processing": False,
        "concurrency": kreuzberg.ConcurrencyConfig(max_threads=1),
    }
    config = kreuzberg.ExtractionConfig(**options)
    try:
        result = kreuzberg.extract_file_sync(path, _MEDIA_TYPES[found], config)
    except (kreuzberg.KreuzbergError, OSError, RuntimeError, ValueError) as error:
        raise UnreadableError(_reason(error)) from error
    sink.about += _about(dict(result.metadata))
    sink.add(result.content)


def read_pdf(path: Path, sink: Sink, *, careful: bool) -> None:
    """The text of a PDF: by kreuzberg, and where that finds none, by pypdf."""
    said = ""
    if not careful:
        with contextlib.suppress(ImportError):
            try:
                read_document(path, "pdf", sink)
                if sink.text.strip():
                    return
            except UnreadableError as error:
                said = str(error)
    _by_pypdf(path, sink, said)
    if not sink.text.strip():
        raise UnreadableError("is a PDF without text, perhaps of scanned pages")


def _by_pypdf(path: Path, sink: Sink, said: str) -> None:
    import pypdf

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = pypdf.PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableError("is protected by a password")
        if not sink.about:
            found: dict[str, Any] = dict(reader.metadata or {})
            sink.about += _about({key.lstrip("/").lower(): str(v) for key, v in found.items()})
        for page in reader.pages:
            sink.line(page.extract_text())
    except (FullError, UnreadableError, MemoryError):
        raise
    except Exception as error:  # a parser of hostile files may raise anything at all
        raise UnreadableError(said or _reason(error)) from error


def _about(metadata: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for key in _ABOUT:
        value = metadata.get(key)
        found += [str(item) for item in (value if isinstance(value, list) else [value]) if item]
    return found


def _reason(error: Exception) -> str:
    # Libraries wrap the same words around themselves again and again.
    text = ": ".join(dict.fromkeys(" ".join(str(error).split()).split(": ")))
    text = text.removeprefix("ParsingError: ")
    if "password" in text.lower() or "encrypted" in text.lower():
        return "is protected by a password"
    return f"is damaged, or not what its name says ({text[:200] or type(error).__name__})"
