"""What is in an index, however it came there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.schema import connect, problem

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.search import SearchIndex


def paths(index: SearchIndex, query: str) -> set[str]:
    return {hit.path for hit in index.search(query, limit=1000)}


def content_of(index: SearchIndex) -> list[tuple]:
    """All that an index says, whatever way it came there."""
    connection = connect(next(index.scratch.parent.glob("index-*.db")), write=False)
    try:
        return sorted(
            tuple(row)
            for row in connection.execute(
                "SELECT file_id, path, parent_id, state, reason, document.name, document.folder,"
                " document.text, readers.key, shared_here FROM file"
                " JOIN document ON document.id = file.id JOIN readers ON readers.id = readers_id"
            )
        )
    finally:
        connection.close()


def assert_sound(index: SearchIndex) -> None:
    connection = connect(next(index.scratch.parent.glob("index-*.db")), write=True)
    try:
        assert problem(connection) == ""
        unused = "SELECT count(*) FROM content WHERE id NOT IN (SELECT content_id FROM file)"
        assert connection.execute(unused).fetchone()[0] == 0
    finally:
        connection.close()
