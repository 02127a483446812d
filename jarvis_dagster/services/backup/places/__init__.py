"""Places that a backup can be kept in."""

from jarvis_dagster.services.backup.places.base import Blob, Place
from jarvis_dagster.services.backup.places.drive import DrivePlace
from jarvis_dagster.services.backup.places.folder import FolderPlace
from jarvis_dagster.services.backup.places.s3 import S3Place

__all__ = ["Blob", "DrivePlace", "FolderPlace", "Place", "S3Place"]
