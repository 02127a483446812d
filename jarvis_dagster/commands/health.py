"""``jarvis health``: ask every core service whether it works, and say what stands still if not."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.services.health import stands_still

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.services.health import Health
    from jarvis_dagster.settings import Settings

__all__ = ["check_health"]


def check_health(settings: Settings, console: Console, *, as_json: bool) -> bool:
    """Ask them all at once, print the answers, and tell whether all are well."""
    from jarvis_dagster.monitoring.watching import health_monitor
    from jarvis_dagster.wiring import core_services

    once = settings.model_copy(update={"health": settings.health.model_copy(update={"tries": 1})})
    monitor = health_monitor(core_services(settings), once)
    monitor.look()
    rows = monitor.status()
    waits = stands_still([row.service for row in rows if not row.healthy])
    if as_json:
        told = [
            {
                **dataclasses.asdict(row),
                "service": f"{row.service}_service",
                "stands_still": [] if row.healthy else stands_still([row.service]),
            }
            for row in rows
        ]
        console.out(json.dumps(told, indent=2), highlight=False)
    else:
        console.print(_table(rows))
        if waits:
            console.print(f"Stands still: {', '.join(waits)}.", highlight=False)
    return all(row.healthy for row in rows)


def _table(rows: list[Health]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("service", "state", "seconds", "what to do")
    for row in rows:
        state = Text("healthy", "green") if row.healthy else Text(row.error, "red")
        table.add_row(f"{row.service}_service", state, f"{row.seconds:.2f}", Text(row.remedy))
    return table
