"""Full-text search over all drives.

``SearchIndex`` is asked, ``index_drive`` fills it. Reading files happens in a
process of its own, which has limits and may crash.
"""

from jarvis_dagster.services.client_storage.search.config import SearchConfig
from jarvis_dagster.services.client_storage.search.hits import Hit
from jarvis_dagster.services.client_storage.search.index import SearchIndex
from jarvis_dagster.services.client_storage.search.indexing import index_drive
from jarvis_dagster.services.client_storage.search.report import IndexReport
from jarvis_dagster.services.client_storage.search.status import IndexStatus

__all__ = ["Hit", "IndexReport", "IndexStatus", "SearchConfig", "SearchIndex", "index_drive"]
