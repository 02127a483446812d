"""Word documents (docx), read by streaming their XML.

Belongs here: docx. Does not belong here: other documents (``documents.py``);
docx is apart because kreuzberg 4.10 drops every ``&amp;`` and ``&#233;``, so that
"R&D" would be found as "RD" alone.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from typing import TYPE_CHECKING, cast
from xml.parsers import expat

from jarvis_dagster.services.client_storage.search.reading.sink import Sink, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["read_docx"]

_PARTS = re.compile(r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml")
_ABOUT = {"title", "subject", "creator", "keywords", "description", "category"}
_UNPACKED_BYTES = 256 << 20
_CHUNK = 1 << 16


def read_docx(path: Path, sink: Sink) -> None:
    """Paragraphs, tables, headers, footers, notes and comments; title and author."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _PARTS.fullmatch(name)]
            _tell_about(archive, sink)
            for name in sorted(names, key=lambda name: (name != "word/document.xml", name)):
                _parse(_chunks(archive, name), _Body(sink))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise UnreadableError(f"is not a whole document ({error})") from error
    except expat.ExpatError as error:
        raise UnreadableError(f"is not a well-formed document ({error})") from error
    if not names:
        raise UnreadableError("has no document inside")


def _tell_about(archive: zipfile.ZipFile, sink: Sink) -> None:
    if "docProps/core.xml" in archive.namelist():
        _parse(_chunks(archive, "docProps/core.xml"), _About(sink))


def _chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    size = 0
    with archive.open(name) as stream:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > _UNPACKED_BYTES:
                raise UnreadableError(f"unpacks to more than {_UNPACKED_BYTES >> 20} MB")
            yield chunk


class _Body:
    """Text of a WordprocessingML part. Of alternatives only the first is read."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._in_text = False
        self._in_fallback = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        if tag == "Fallback" or self._in_fallback:
            self._in_fallback += 1
        elif tag == "t":
            self._in_text = True
        elif tag in ("tab", "tc"):
            self._sink.add("\t")
        elif tag in ("br", "cr"):
            self._sink.add("\n")

    def end(self, tag: str) -> None:
        if self._in_fallback:
            self._in_fallback -= 1
        elif tag == "t":
            self._in_text = False
        elif tag == "p":
            self._sink.add("\n")

    def data(self, text: str) -> None:
        if self._in_text and not self._in_fallback:
            self._sink.add(text)


class _About:
    """Title, author and the like of ``docProps/core.xml``."""

    def __init__(self, sink: Sink) -> None:
        self._found = sink.about
        self._inside = False

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self._inside = tag in _ABOUT

    def end(self, _tag: str) -> None:
        self._inside = False

    def data(self, text: str) -> None:
        if self._inside and len(self._found) < 100:
            self._found.append(text[:1000])


def _parse(chunks: Iterator[bytes], reader: _Body | _About) -> None:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def local(call: Callable[..., None]) -> Callable[..., None]:
        return lambda tag, *rest: call(tag.rpartition(" ")[2], *rest)

    parser.StartElementHandler = local(reader.start)
    parser.EndElementHandler = local(reader.end)
    parser.CharacterDataHandler = cast("Callable[[str], None]", reader.data)
    parser.EntityDeclHandler = _refuse_entities
    for chunk in chunks:
        parser.Parse(chunk, False)
    parser.Parse(b"", True)


def _refuse_entities(*_declaration: object) -> None:
    """No office program declares entities; an attack that multiplies them does."""
    raise UnreadableError("declares XML entities, which no document needs")
