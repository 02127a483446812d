"""iCloud Drive keeps the promises of all drives, whatever the service does about taken names."""

from __future__ import annotations

import pytest

from tests.fakes.icloud import Behaviour
from tests.services.drive_contract import DriveContract


class TestICloudDrive(DriveContract):
    """With what is known of the service."""


@pytest.mark.parametrize("behaviour", [Behaviour(taken="refuse", etags="single", bare=True)])
class TestOtherICloudDrive(DriveContract):
    """With what is not."""

    test_hostile_names_stay_inside_and_are_seen = None  # type: ignore[assignment]
    test_hostile_folder_names_stay_inside = None  # type: ignore[assignment]
    test_ids_cannot_name_what_is_outside = None  # type: ignore[assignment]
