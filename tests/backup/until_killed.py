"""Works on backups until it is killed: ``python -m tests.backup.until_killed WORK DATA PLACE``.

``create`` changes the data, backs it up and prunes, again and again, and prints each snapshot
with the hash of what it is of, after it was acknowledged. ``restore`` brings the newest snapshot
back, once.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from jarvis_dagster.services.backup import garbage, keys, writer
from tests.backup.installation import service, state, write_rows


def digest(data: Path) -> str:
    return hashlib.sha256(json.dumps(state(data), sort_keys=True).encode()).hexdigest()


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def main(work: str, data: Path, place: Path) -> None:
    keys._SCRYPT_N = 2**4
    writer.PACK_BYTES = garbage.PACK_BYTES = 100_000
    rules = {"last": 3, "daily": 0, "weekly": 0, "monthly": 0}
    backups = service(data, place, retention=rules)
    say("ready")
    if work == "restore":
        backups.restore(backups.choose())
        say("done")
        return
    while True:
        write_rows(data / "dagster/runs.db", [os.urandom(500) for _ in range(20)])
        (data / "files").mkdir(exist_ok=True)
        (data / f"files/{os.urandom(1)[0] % 16:02}.bin").write_bytes(os.urandom(150_000))
        expected = digest(data)
        say("made", backups.create().id, expected)
        backups.prune()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
