"""Cheap keys: stretching a passphrase takes a tenth of a second on purpose."""

import pytest

from jarvis_dagster.services.backup import keys


@pytest.fixture(autouse=True)
def _cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_SCRYPT_N", 2**4)
