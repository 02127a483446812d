"""What happens to a drive of any provider, and what the index should make of it.

Belongs here: the story. Does not belong here: any provider (``test_google.py``
and those beside it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search import SearchIndex, index_drive
from tests.search import documents

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage import Drive

__all__ = ["follow"]

ANN = "ann@club.org"


def follow(index: SearchIndex, drive: Drive, tmp_path: Path) -> None:
    """Upload, share, rename, move, take back, trash; the index follows each time."""

    def found(query: str, asker: str | None = None) -> set[str]:
        return {hit.path for hit in index.search(query, asker=asker)}

    def put(name: str, content: bytes, folder_id: str | None) -> str:
        (tmp_path / name).write_bytes(content)
        return drive.upload(tmp_path / name, folder_id).id

    team = drive.create_folder("Team")
    deep = drive.create_folder("Deep", team.id)
    plan = put("plan.docx", documents.docx("Neutral zone trap"), deep.id)
    private = put("note.txt", b"neutral remark", None)
    given = drive.share(team.id, [ANN])[0] if drive.can_share else None
    report = index_drive(index, "cloud", drive)
    assert (report.full, report.fetched, report.waiting) == (True, 2, [])
    assert found("neutral") == {"Team/Deep/plan.docx", "note.txt"}
    assert found("neutral", ANN) == ({"Team/Deep/plan.docx"} if given else set())

    drive.move(plan, deep.id, "scheme.docx")
    team = drive.move(team.id, None, "Old team")
    report = index_drive(index, "cloud", drive)
    assert (report.full, report.extracted) == (False, 0)
    assert found("neutral") == {"Old team/Deep/scheme.docx", "note.txt"}

    if given is not None:
        drive.unshare(team.id, given.id)
        drive.share(private, [ANN])
        assert index_drive(index, "cloud", drive).fetched == 0
        assert found("neutral", ANN) == {"note.txt"}

    drive.trash(team.id)
    index_drive(index, "cloud", drive)
    assert found("neutral") == {"note.txt"}
    assert not index_drive(index, "cloud", drive).changed
