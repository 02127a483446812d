"""``jarvis health``: ask every core service whether it works."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.settings import Settings

__all__ = ["Health", "check_health", "health_of"]

SERVICES = (
    "storage_service",
    "client_storage_service",
    "experiment_service",
    "workflow_service",
    "analytics_service",
    "notification_service",
    "security_service",
)
TIMEOUT_S = 10.0


@dataclasses.dataclass(frozen=True)
class Health:
    """What one service answered; ``error`` is empty when it works."""

    service: str
    healthy: bool
    seconds: float
    error: str = ""
    remedy: str = ""


def health_of(core: Any, name: str) -> Health:
    """Ask one service."""
    began = time.monotonic()
    try:
        getattr(core, name).check()
    except JarvisError as error:
        return Health(name, False, _since(began), error.what, error.remedy)
    return Health(name, True, _since(began))


def check_health(settings: Settings, console: Console, *, as_json: bool) -> bool:
    """Ask them all at once, print the answers, and tell whether all are well."""
    from jarvis_dagster.wiring import core_services

    core = core_services(settings)
    pool = concurrent.futures.ThreadPoolExecutor(len(SERVICES))
    asked = [pool.submit(health_of, core, name) for name in SERVICES]
    rows = []
    for name, future in zip(SERVICES, asked, strict=True):
        try:
            rows.append(future.result(TIMEOUT_S))
        except TimeoutError:
            late = f"no answer within {TIMEOUT_S:g} s"
            rows.append(Health(name, False, TIMEOUT_S, late, "See `jarvis status`, or try again."))
    pool.shutdown(wait=False, cancel_futures=True)
    if as_json:
        console.out(
            json.dumps([dataclasses.asdict(row) for row in rows], indent=2), highlight=False
        )
    else:
        console.print(_table(rows))
    return all(row.healthy for row in rows)


def _table(rows: list[Health]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("service", "state", "seconds", "what to do")
    for row in rows:
        state = Text("healthy", "green") if row.healthy else Text(row.error, "red")
        table.add_row(row.service, state, f"{row.seconds:.2f}", Text(row.remedy))
    return table


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
