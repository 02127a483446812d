"""Reads text out of one file; used inside the limited process alone.

Belongs here: readers by format. Does not belong here: limits of time and memory
(``worker.py``), drives, the index. Nothing here is imported by the process that
owns the index: files are hostile.
"""

from jarvis_dagster.services.client_storage.search.reading.dispatch import read
from jarvis_dagster.services.client_storage.search.reading.sink import Reading, UnreadableError

__all__ = ["Reading", "UnreadableError", "read"]
