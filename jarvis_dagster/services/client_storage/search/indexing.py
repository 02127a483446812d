"""Brings the index up to what a drive holds now.

Belongs here: one run from the lock to the report. Does not belong here: what it
does with each file (``following.py``).
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from jarvis_dagster.services.client_storage.search.ahead import Ahead
from jarvis_dagster.services.client_storage.search.config import SearchConfig
from jarvis_dagster.services.client_storage.search.contents import Contents
from jarvis_dagster.services.client_storage.search.extraction import Extractor
from jarvis_dagster.services.client_storage.search.fetching import Fetcher
from jarvis_dagster.services.client_storage.search.following import Run
from jarvis_dagster.services.client_storage.search.index import DamagedIndexError
from jarvis_dagster.services.client_storage.search.preparing import Preparer
from jarvis_dagster.services.client_storage.search.report import IndexReport
from jarvis_dagster.services.client_storage.search.sharing import Sharing

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import Drive
    from jarvis_dagster.services.client_storage.search.index import SearchIndex
    from jarvis_dagster.services.client_storage.search.store import IndexStore

__all__ = ["index_drive"]


def index_drive(
    index: SearchIndex,
    drive_name: str,
    drive: Drive,
    *,
    config: SearchConfig | None = None,
    progress: Callable[[int, int], None] | None = None,
    full: bool = False,
    retry: bool = False,
    verify: bool = False,
) -> IndexReport:
    """Bring the index up to what a drive holds now, at the cost of what changed.

    Args:
        drive_name: What the drive is called in hits and filters.
        progress: Called with files done and files in all of what is at hand.
        full: List everything, also where the changes are known.
        retry: Read again what could not be read before.
        verify: Read the whole index first, to find damage.

    Raises:
        ConflictError: an index is being written already.
        TransientError: the drive cannot be reached; what was done until then lasts.
        PermanentError: the drive refuses, or the index cannot be written.
    """
    began = time.monotonic()

    def run() -> IndexReport:
        report = IndexReport(drive_name)
        with index.writing(verify=verify) as store:
            _run(
                index,
                store,
                drive,
                report,
                config or SearchConfig(),
                progress,
                full=full,
                retry=retry,
            )
        report.seconds = time.monotonic() - began
        return report

    try:
        return run()
    except DamagedIndexError:  # it is empty now
        return run()


def _run(
    index: SearchIndex,
    store: IndexStore,
    drive: Drive,
    report: IndexReport,
    config: SearchConfig,
    progress: Callable[[int, int], None] | None,
    *,
    full: bool,
    retry: bool,
) -> None:
    # What a run left that was killed goes too.
    shutil.rmtree(index.scratch, ignore_errors=True)
    index.scratch.mkdir(mode=0o700)
    try:
        fetcher = Fetcher(drive, index.scratch)
        at_once = config.downloads_at_once if fetcher.waits else 0
        with Extractor(config, index.scratch) as extractor, Ahead(at_once) as ahead:
            contents = Contents(drive, store, extractor, config, report, retry=retry)
            state = store.drives.state(report.drive)
            sharing = Sharing(store, drive, state, ahead, config, report)
            preparer = Preparer(contents, fetcher, sharing)
            Run(store, drive, state, contents, preparer, ahead, sharing, report, progress).go(
                full=full, retry=retry
            )
    finally:
        shutil.rmtree(index.scratch, ignore_errors=True)
