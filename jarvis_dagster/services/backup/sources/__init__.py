"""What can be backed up: the data directory, settings, object stores, PostgreSQL."""

from jarvis_dagster.services.backup.sources.base import Content, Item, Source
from jarvis_dagster.services.backup.sources.files import DataDirectory, SettingsFiles
from jarvis_dagster.services.backup.sources.objects import ObjectStoreBuckets

__all__ = ["Content", "DataDirectory", "Item", "ObjectStoreBuckets", "SettingsFiles", "Source"]
