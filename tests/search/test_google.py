"""The search over Google Drive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search import index_drive
from tests.search import documents
from tests.search.following import follow
from tests.services.google.conftest import drive, open_drive, server, waits

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.google.drive import GoogleDrive
    from jarvis_dagster.services.client_storage.search import SearchIndex
    from tests.fakes.google import GoogleServer

__all__ = ["drive", "open_drive", "server", "waits"]


def test_the_index_follows(index: SearchIndex, drive: GoogleDrive, tmp_path: Path) -> None:
    follow(index, drive, tmp_path)


def test_documents_of_google_are_read_as_they_are_exported(
    index: SearchIndex, drive: GoogleDrive, server: GoogleServer
) -> None:
    media_type = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    exports = {media_type: documents.docx("Neutral zone trap")}
    server.world.add_document("Plan", "document", exports)
    server.world.add_document("Sign-up", "form", {})
    index_drive(index, "google", drive)
    assert [hit.path for hit in index.search("trap")] == ["Plan.docx"]
    assert [hit.path for hit in index.search("sign")] == ["Sign-up"]
