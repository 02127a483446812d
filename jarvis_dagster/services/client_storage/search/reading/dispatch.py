"""Chooses the reader of a file by what the file is.

Belongs here: the choice. Does not belong here: any format (the modules beside).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.formats import format_of_content
from jarvis_dagster.services.client_storage.search.reading import documents, plain, tables, word
from jarvis_dagster.services.client_storage.search.reading.sink import (
    FullError,
    Reading,
    Sink,
    UnreadableError,
)
from jarvis_dagster.services.client_storage.search.text import clean

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read"]


def read(path: Path, promised: str, max_chars: int, *, careful: bool = False) -> Reading:
    """The text of a file.

    Args:
        promised: The format that its name promises; its first bytes decide.
        max_chars: Text beyond so many characters is left out.
        careful: Leave out the reader that crashed on this file before.

    Raises:
        UnreadableError: it holds no text that can be read.
    """
    if path.stat().st_size == 0:
        raise UnreadableError("is empty")
    with path.open("rb") as stream:
        found = format_of_content(stream, promised)
    reading = Reading(found)
    sink = Sink(max_chars)
    try:
        _read(path, found, sink, careful=careful)
    except FullError:
        reading.truncated = True
    reading.text = clean(sink.text)
    reading.about = clean("\n".join(sink.about))[:2000]
    return reading


def _read(path: Path, found: str, sink: Sink, *, careful: bool) -> None:
    if found in plain.READERS:
        plain.READERS[found](path, sink)
    elif found == "parquet":
        tables.read_parquet(path, sink)
    elif found == "docx":
        word.read_docx(path, sink)
    elif found == "encrypted":
        raise UnreadableError("is protected by a password")
    elif found == "archive":
        raise UnreadableError("is an archive, not a document")
    elif found == "pdf":
        documents.read_pdf(path, sink, careful=careful)
    elif careful:
        raise UnreadableError("crashes its reader")
    else:
        documents.read_document(path, found, sink)
