"""What a drive has to be asked for one file: its bytes, and who may see it.

Belongs here: the asking, which any thread may do. Does not belong here: what is
made of the answers (``following.py``).
"""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING

from jarvis_dagster.errors import JarvisError
from jarvis_dagster.services.client_storage.search.contents import Outcome
from jarvis_dagster.services.client_storage.search.formats import may_hold_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.search.contents import Contents
    from jarvis_dagster.services.client_storage.search.fetching import Fetched, Fetcher
    from jarvis_dagster.services.client_storage.search.file_lookup import Known
    from jarvis_dagster.services.client_storage.search.sharing import Sharing
    from jarvis_dagster.services.client_storage.search.visibility import Readers

__all__ = ["Prepared", "Preparer"]


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What the drive said of a file.

    Attributes:
        known: What the index knew of it before.
        outcome: What is known of its content; None if it had to be fetched.
        fetched: The copy, or why there is none; None if none was needed.
        readers: Who may see it.
    """

    known: Known | None
    outcome: Outcome | None
    fetched: Fetched | JarvisError | None
    readers: Readers


class Preparer:
    """Asks a drive for one file at a time."""

    def __init__(self, contents: Contents, fetcher: Fetcher, sharing: Sharing) -> None:
        self._contents = contents
        self._fetcher = fetcher
        self._sharing = sharing

    def plan(self, file: DriveFile, known: Known | None) -> Callable[[], Prepared]:
        """What there is to ask, to be called in any thread."""
        if known is not None and _is_same(known, file):
            outcome: Outcome | None = Outcome(known.state, known.reason, known.content_id)
        else:
            outcome = self._contents.without_fetching(file)
        return functools.partial(self._ask, file, known, outcome)

    def _ask(self, file: DriveFile, known: Known | None, outcome: Outcome | None) -> Prepared:
        fetched: Fetched | JarvisError | None = None
        if outcome is None:
            try:
                fetched = self._fetcher.fetch(file)
            except JarvisError as error:
                fetched = error
        # Asked after the content was fetched: who sees the file now is at least
        # as new as what it says.
        return Prepared(known, outcome, fetched, self._sharing.ask(file.id))


def _is_same(known: Known, file: DriveFile) -> bool:
    """Whether the content is what is indexed already; another extension reads it anew."""
    name = known.path.rpartition("/")[2]
    return (
        known.version == file.version
        and known.state != "later"
        and may_hold_text(name, file.media_type) == may_hold_text(file.name, file.media_type)
    )
