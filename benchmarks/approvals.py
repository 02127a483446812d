"""Approvals under ``kill -9``: what was acknowledged is there, and nothing was decided unnoted.

    python benchmarks/approvals.py --kills 15

A process asks, approves and notes as done, one after the other, and says of each what it has done.
It is killed at a random moment and started anew. Afterwards every word it said is compared with the
database, and every decision of the database with the audit log.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from jarvis_dagster.services.approval import ApprovalsConfig, JarvisApprovalService
from jarvis_dagster.services.security import JarvisSecurityService, Principal, SecurityConfig

_ADA = Principal("ada", "admin", None)


def opened(folder: Path) -> JarvisApprovalService:
    """The service on a folder."""
    config = ApprovalsConfig.model_validate({"directory": folder, "results": {"required": True}})
    security = JarvisSecurityService(SecurityConfig(directory=folder))
    return JarvisApprovalService(config, lambda: security)


def work(folder: Path) -> None:
    """Ask, approve and note without end; say of each what was done."""
    service, number = opened(folder), 0
    while True:
        number += 1
        asked = service.ask("results", f"game {os.getpid()} {number}", number, by="benchmark")
        print("asked", asked.id, flush=True)
        service.approve(asked.id, by=_ADA)
        print("approved", asked.id, flush=True)
        service.applied(asked.id)
        print("applied", asked.id, flush=True)


def measure(kills: int, seed: int) -> dict[str, int]:
    """Kill the work ``kills`` times; what was said, and what of it is not so."""
    chance = random.Random(seed)  # noqa: S311 - moments, not secrets
    said: list[tuple[str, str]] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for _ in range(kills):
            process = subprocess.Popen(
                [sys.executable, __file__, "--work", scratch], stdout=subprocess.PIPE, text=True
            )
            assert process.stdout is not None
            first = "".join(process.stdout.readline() for _ in range(chance.randint(1, 20)))
            time.sleep(chance.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read()
            process.wait()
            lines = [line for line in (first + rest).splitlines(keepends=True) if "\n" in line]
            said += [(verb, of) for verb, of in (line.split() for line in lines)]
        service = opened(folder)
        found = {one.id: one for one in service.find_all()}
        lost = 0
        for verb, approval_id in said:
            one = found.get(approval_id)
            lost += one is None
            lost += verb == "approved" and (one is None or one.state != "approved")
            lost += verb == "applied" and (one is None or one.applied_at is None)
        return {
            "kills": kills,
            "acknowledged": len(said),
            "acknowledged_and_lost": lost,
            "decided_without_a_note": len(service.verify()),
            "broken_lines_of_the_audit_log": len(service._security().audit.verify()),
        }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=15)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        work(given.work)
    else:
        print(json.dumps(measure(given.kills, given.seed), indent=2))
