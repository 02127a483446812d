"""What the tests of the search share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.client_storage.search import SearchIndex, indexing
from jarvis_dagster.services.client_storage.search.extraction import Extraction
from jarvis_dagster.services.client_storage.search.reading import UnreadableError, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class InProcess:
    """Reads files here: quick, for tests that are not about the limited process."""

    def __init__(self, config: object, scratch: Path) -> None: ...

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None: ...

    def extract(self, path: Path, promised: str) -> Extraction:
        try:
            found = read(path, promised, 100_000)
        except UnreadableError as error:
            return Extraction(reason=str(error))
        return Extraction(found.text, found.about, found.format, found.truncated)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in this process."""
    monkeypatch.setattr(indexing, "Extractor", InProcess)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    """An empty index."""
    one = SearchIndex(tmp_path / "index")
    yield one
    one.close()
