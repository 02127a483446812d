"""Google's own search over a drive.

Belongs here: words to a query, results below the root. Does not belong here:
the search of Jarvis, which has an index of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.drive import is_temporary
from jarvis_dagster.services.client_storage.google.entries import FOLDER, quoted

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.google.look import Look

__all__ = ["search"]


def search(look: Look, query: str, limit: int) -> list[DriveFile]:
    """Files that hold every word of ``query``, in the order of Google."""
    # A quotation mark would begin a phrase, and one alone is an error.
    words = query.replace('"', " ").split()
    if not words:
        return []
    held = " and ".join(
        f"(name contains {quoted(word)} or fullText contains {quoted(word)})" for word in words
    )
    found: list[DriveFile] = []
    for raw in look.query(f"{held} and mimeType != {quoted(FOLDER)} and trashed = false"):
        if len(found) >= limit:
            break
        file = look.describe(raw)
        if file is not None and not file.is_folder and not is_temporary(file.name):
            found.append(file)
    return found
