"""OneDrive: the contract of all drives, for both kinds."""

from __future__ import annotations

from tests.services.drive_contract import DriveContract

__all__: list[str] = []


class TestContract(DriveContract):
    """The contract of all drives."""
