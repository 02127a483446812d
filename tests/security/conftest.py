"""Settings with the rights of components alone, and with secrets that must never be seen again."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.services.storage.key_sources import new_key
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

CHANNEL, APPLE, MICROSOFT = (
    f"planted-{name}-4f1c9a7e" for name in ("channel", "apple", "microsoft")
)


@pytest.fixture
def planted(
    tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Secrets of all kinds, in the settings and the environment in force, by name."""
    drives = f"""
    local: {{kind: local, root: '{tmp_path / "data" / "drive"}'}}
    icloud: {{kind: icloud, apple_id: coach@example.org, password: '{APPLE}'}}
    team:
      kind: onedrive
      client_id: app
      client_secret: '{MICROSOFT}'
      user: coach@example.org"""
    # Of its own: what is encrypted here cannot be read by others.
    own, kinds = secrets.token_hex(4), ("artifacts", "models", "datasets", "logs")
    buckets = "\n".join(f"  {kind}_bucket: {own}-{kind}" for kind in kinds)
    path = tmp_path / "jarvis-core.yaml"
    path.write_text(
        f"""
stack: {{data_dir: '{tmp_path / "data"}'}}
security: {{service_accounts: true}}
storage:
  endpoint: '{object_store.address}'
  access_key: '{object_store.access_key}'
  secret_key: '{object_store.secret_key}'
  encryption: {{source: environment}}
{buckets}
client_storage:
  import_dir: '{tmp_path / "data" / "imports"}'
  drives: {drives}
experiment:
  tracking_uri: 'sqlite:///{tmp_path}/mlflow.sqlite3'
  artifact_root: '{tmp_path / "mlflow"}'
notification:
  channels: {{chat: {{url: 'json://127.0.0.1:9/{CHANNEL}'}}}}
drive: {{settle_s: 1}}
vision: {{highlights: 1, stride: 3}}
""",
        "utf-8",
    )
    key = new_key()
    monkeypatch.setenv("JARVIS_STORAGE_KEYS", key)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "data"))
    with core_services(load_settings()) as core:
        core.storage_service.ensure_buckets()
        core.security_service.add_account("kim", "user", password="planted-password-4f1c9a7e")
        token = core.security_service.create_token("kim")
    return {
        "S3 secret key": object_store.secret_key,
        "encryption key": key,
        "channel": CHANNEL,
        "Apple password": APPLE,
        "Microsoft secret": MICROSOFT,
        "account password": "planted-password-4f1c9a7e",
        "API token": token,
    }
