"""A local OneDrive: Microsoft Graph's files and Microsoft's sign-in, for tests."""

from tests.fakes.onedrive.server import OneDriveServer

__all__ = ["OneDriveServer"]
