"""A small installation to back up, and one to restore into."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.backup import BackupConfig, JarvisBackupService
from jarvis_dagster.services.backup.places import FolderPlace

if TYPE_CHECKING:
    from jarvis_dagster.services.backup.places import Place
    from jarvis_dagster.services.backup.s3 import ObjectStoreServer

KEY = "correct horse battery staple"


def fill(data: Path, seed: int = 0) -> None:
    """Databases, files, secrets, and things that must not be in a backup."""
    chance = random.Random(seed)
    for name in (
        "dagster/history/runs.db",
        "dagster/schedules/schedules.db",
        "mlflow/mlflow.db",
        "temporal/temporal.db",
    ):
        write_rows(data / name, [chance.randbytes(2000) for _ in range(30)])
    files = {
        "mlflow/artifacts/1/model.onnx": chance.randbytes(300_000),
        "secrets/google.json": b'{"token": "hush"}',
        "drive/Jarvis AI/Uploads/g\u00e4me \U0001f3d2.mp4": chance.randbytes(100_000),
        "empty.txt": b"",
        "logs/worker.log": b"made anew",
        "run/stack.json": b"made anew",
        "work/v/frames.bin": b"made anew",
        "object-store/1.dat": b"read through the server",
        "secrets/object-store.json": json.dumps(
            dict.fromkeys(("access_key", "secret_key", "master_key", "internal_key"), "x")
        ).encode(),
    }
    for name, content in files.items():
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (data / "secrets/google.json").chmod(0o600)


def write_rows(path: Path, rows: list[bytes], *, wal: bool = True) -> None:
    """Add rows to an SQLite database."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as db, db:
        if wal:
            db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, value BLOB)")
        db.executemany("INSERT INTO rows (value) VALUES (?)", [(row,) for row in rows])


def rows_of(path: Path) -> list[bytes]:
    """All rows."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        return [row for (row,) in db.execute("SELECT value FROM rows ORDER BY id")]


def state(data: Path) -> dict[str, str]:
    """What matters of a data directory: rows of databases, hashes of files."""
    skipped = ("backup/", "logs/", "run/", "work/", "object-store/", "secrets/object-store.json")
    found = {}
    for path in sorted(data.rglob("*")):
        name = path.relative_to(data).as_posix()
        if not path.is_file() or name.startswith(skipped) or name == "secrets/backup.key":
            continue
        if name.endswith((".db-wal", ".db-shm", ".db-journal")):
            continue
        content = b"".join(rows_of(path)) if name.endswith(".db") else path.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
    return found


def service(
    data: Path,
    place: Place | Path,
    *,
    storage: ObjectStoreServer | None = None,
    settings_files: tuple[Path, ...] = (),
    **config: Any,
) -> JarvisBackupService:
    """Backups of a data directory in a place, with a key that is given."""
    made = BackupConfig.model_validate({"place": "/somewhere", "key": KEY, **config})
    if isinstance(place, Path):
        made = made.model_copy(update={"place": str(place)})
        place = FolderPlace(place)
    return JarvisBackupService(
        made, place, data_dir=data, storage=storage, settings_files=settings_files
    )
