"""What rights and the audit log cost, each against a peer in the same run.

    python -m benchmarks.security [--rounds 2000] [--json]

- ``policy``: the question whether a role has a right, against looking it up in a set, and against
  Casbin without the memory of earlier answers;
- ``guarded call``: a call of a core service that is checked and not noted, against the bare call;
- ``audit append``: a line that is chained, locked and on the disk, against a plain line of the
  same length that is on the disk (``fsync``), and against one that is only handed over (``flush``);
- ``long log``: a line after 20,000 others, against one in a new log;
- ``verify``: entries a second.

Both sides are asked in turn, so that whatever else the machine does meets both. Of each the median
time and the mean processor time are shown, in this order; ratios are of processor time, but for
the line of the audit log, which waits for the disk.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.security import (
    AuditLog,
    JarvisSecurityService,
    Principal,
    SecurityConfig,
)
from jarvis_dagster.services.security.policy import Policy

if TYPE_CHECKING:
    from collections.abc import Callable

    Ask = Callable[[int], Any]

QUESTIONS = [
    (role, resource, right)
    for role in ("developer", "user", "spotlight", "holmes", "nobody")
    for resource in ("artifacts", "models", "workflows", "page.dagster")
    for right in ("read", "write")
]


class Exists:
    """A service with one cheap call that is checked but not noted."""

    def exists(self, name: str) -> bool:
        return bool(name)


def in_turn(asks: dict[str, Ask], rounds: int, batch: int = 1) -> dict[str, tuple[float, float]]:
    """Of each: microseconds of time and of processor a call, asked in turn."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in asks}
    for number in range(rounds + 3):
        for name, ask in asks.items():
            began, used = time.perf_counter(), time.process_time()
            for each in range(batch):
                ask(number * batch + each)
            spent = time.perf_counter() - began, time.process_time() - used
            times[name].append((1e6 * spent[0] / batch, 1e6 * spent[1] / batch))
    return {
        name: (
            statistics.median(wall for wall, _ in all_[3:]),
            statistics.fmean(used for _, used in all_[3:]),
        )
        for name, all_ in times.items()
    }


def policy(rounds: int) -> dict[str, tuple[float, float]]:
    """The question for a right."""
    ours = Policy()
    granted = {asked for asked in QUESTIONS if ours.allows(*asked)}
    many = len(QUESTIONS)
    return in_turn(
        {
            "policy: asked": lambda n: ours.allows(*QUESTIONS[n % many]),
            "policy: in a set": lambda n: QUESTIONS[n % many] in granted,
            "policy: Casbin alone": lambda n: ours._enforcer.enforce(*QUESTIONS[n % many]),
        },
        max(rounds // 100, 10),
        100,
    )


def guarded(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """A call through the guard and past it."""
    security = JarvisSecurityService(SecurityConfig(directory=folder))
    bare = Exists()
    behind = security.guard(bare, "client_storage", Principal("ada", "admin", None))
    found = in_turn(
        {"call: guarded": lambda _: behind.exists("x"), "call: bare": lambda _: bare.exists("x")},
        max(rounds // 100, 10),
        100,
    )
    security.close()
    return found


def audit(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """A line of the audit log and plain ones."""
    log, long = AuditLog(folder / "audit.jsonl"), AuditLog(folder / "long.jsonl")
    log.add("storage.store_artifact", allowed=True, object="report 0")
    line = log.path.read_bytes()
    filled(long)
    with (folder / "plain.jsonl").open("ab", buffering=0) as plain:

        def kept(_: int) -> None:
            plain.write(line)
            os.fsync(plain)

        return in_turn(
            {
                "audit: noted": lambda n: log.add(
                    "storage.store_artifact", allowed=True, object=f"report {n}"
                ),
                "audit: after 20,000": lambda n: long.add(
                    "storage.store_artifact", allowed=True, object=f"report {n}"
                ),
                "audit: a plain line, on the disk": kept,
                "audit: a plain line, handed over": lambda _: plain.write(line),
            },
            rounds,
        )


def filled(log: AuditLog, entries: int = 20_000) -> None:
    """Many entries, without waiting for the disk at each."""
    real, os.fsync = os.fsync, lambda _: None  # type: ignore[assignment]
    try:
        for number in range(entries):
            log.add("storage.get_file", allowed=True, object=f"artifacts/game {number}/tracks")
    finally:
        os.fsync = real


def verified(log: AuditLog) -> float:
    """Entries a second that are verified."""
    began = time.process_time()
    if log.verify():
        raise SystemExit("The log does not verify.")
    return log.head().number / (time.process_time() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure rights and the audit log.")
    parser.add_argument("--rounds", type=int, default=2000, help="Calls of each kind.")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures = {
            **policy(asked.rounds),
            **guarded(folder / "accounts", asked.rounds),
            **audit(folder, min(asked.rounds, 1000)),
        }
        a_second = verified(AuditLog(folder / "long.jsonl"))
    ratios = {
        "policy: asked / in a set": ("policy: asked", "policy: in a set", 1),
        "policy: asked / Casbin alone": ("policy: asked", "policy: Casbin alone", 1),
        "call: guarded / bare": ("call: guarded", "call: bare", 1),
        "audit: noted / plain, on the disk": (
            "audit: noted",
            "audit: a plain line, on the disk",
            0,
        ),
        "audit: the same, processor": ("audit: noted", "audit: a plain line, on the disk", 1),
        "audit: after 20,000 / new": ("audit: after 20,000", "audit: noted", 1),
    }
    rows = {f"{name}, us": [round(value, 2) for value in two] for name, two in figures.items()}
    rows |= {
        name: round(figures[one][at] / figures[other][at], 4)
        for name, (one, other, at) in ratios.items()
    }
    rows["audit: entries verified a second of processor"] = round(a_second)
    if asked.json:
        print(json.dumps(rows, indent=1))
        return
    for label, value in rows.items():
        print(f"{label:<48} {value}")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    main()
