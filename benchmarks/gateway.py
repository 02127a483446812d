"""What the login in front of the pages costs: the same requests through the gateway and past it.

    python benchmarks/gateway.py [--rounds 200]

Both ways are asked in turn over connections that stay open, so that whatever else the machine does
meets both. The figure is the median over the rounds of the time through the gateway, less the time
past it, and the ratio of both medians. Processor time is that of the proxy and the login a
request, all kinds together. Everything is started anew on loopback.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

import psutil
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.gateway.real import running
from tests.servers import run_mlflow, run_object_store

if TYPE_CHECKING:
    from tests.gateway.real import Gateway


class Case(NamedTuple):
    """A request, and where it goes past the gateway."""

    name: str
    method: str
    path: str
    direct: str
    body: bytes | None = None


def cases(gateway: Gateway, mlflow: str) -> list[Case]:
    """A small and a large answer, GraphQL, and another program."""
    dagster = gateway.dagster
    version = json.dumps({"query": "{ version }"}).encode()
    return [
        Case("Dagster, a small answer", "GET", "/dagster/server_info", f"{dagster}/server_info"),
        Case("Dagster, its page", "GET", "/dagster/runs", f"{dagster}/runs"),
        Case("Dagster, GraphQL", "POST", "/dagster/graphql", f"{dagster}/graphql", version),
        Case("MLflow, its page", "GET", "/mlflow/", f"{mlflow}/"),
    ]


class Way:
    """A connection that stays open."""

    def __init__(self, host: str, headers: dict[str, str]) -> None:
        self._link = http.client.HTTPConnection(host, timeout=120)
        self._headers = {"Accept": "application/json", **headers}

    def ask(self, method: str, path: str, body: bytes | None) -> float:
        """Seconds until the whole answer is here."""
        headers = {**self._headers, **({"Content-Type": "application/json"} if body else {})}
        began = time.perf_counter()
        self._link.request(method, path, body, headers)
        answer = self._link.getresponse()
        answer.read()
        seconds = time.perf_counter() - began
        if answer.status != 200:
            raise SystemExit(f"{method} {path} was answered with {answer.status}")
        return seconds


def own_processes() -> list[psutil.Process]:
    """The proxy and the login."""
    found = []
    for child in psutil.Process().children(recursive=True):
        words = child.cmdline()
        if any("jarvis_dagster.gateway" in word for word in words) or "caddy" in words[0]:
            found.append(child)
    return found


def processor_s(processes: list[psutil.Process]) -> float:
    """What they used so far."""
    return sum(sum(one.cpu_times()[:2]) for one in processes)


def measure(gateway: Gateway, mlflow: str, rounds: int) -> tuple[Table, float]:
    """The table, and milliseconds of processor time a request."""
    table = Table("request", "proof", "past it", "through it", "more", "ratio")
    proofs = {
        "session": {"Cookie": gateway.sign_in("ops"), "Origin": gateway.origin},
        "token": {"Authorization": f"Bearer {gateway.token('ops')}"},
    }
    processes = own_processes()
    before, asked = processor_s(processes), 0
    for case in cases(gateway, mlflow):
        past = urlsplit(case.direct)
        for proof, headers in proofs.items():
            ways = Way(f"127.0.0.1:{gateway.port}", headers), Way(past.netloc, {})
            through, direct = [], []
            for number in range(rounds + 10):
                seconds = ways[0].ask(case.method, case.path, case.body)
                straight = ways[1].ask(case.method, past.path, case.body)
                if number >= 10:
                    through.append(seconds)
                    direct.append(straight)
            asked += rounds + 10
            mine, theirs = (1000 * statistics.median(x) for x in (through, direct))
            cells = f"{theirs:.1f} ms", f"{mine:.1f} ms", f"{mine - theirs:.1f} ms"
            table.add_row(case.name, proof, *cells, f"{mine / theirs:.2f}")
    return table, 1000 * (processor_s(processes) - before) / asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=200, help="Requests of each kind and way.")
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        store, mlflow = run_object_store(folder / "store"), run_mlflow(folder / "mlflow")
        try:
            with running(folder, store, mlflow) as gateway:
                table, used = measure(gateway, mlflow.url, rounds)
        finally:
            mlflow.stop()
            store.stop()
    console = Console()
    console.print(table)
    console.print(f"Processor time of the proxy and the login: {used:.2f} ms a request.")


if __name__ == "__main__":
    main()
