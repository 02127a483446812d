"""``jarvis dashboards``: Jarvis' own dashboards, as files or in a running Grafana.

Belongs here: options, help and what is printed. Does not belong here: what is on them
(``services/analytics/boards``).
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads it
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from jarvis_dagster.services.analytics.dashboards import Dashboard

__all__ = ["dashboards_app"]

dashboards_app = typer.Typer(help="Dashboards for Grafana.", no_args_is_help=True)
Names = Annotated[
    list[str] | None, typer.Argument(help="Only these, as `list` names them; all by default.")
]


@dashboards_app.command("list")
def list_() -> None:
    """The dashboards and how many panels they have."""
    from jarvis_dagster.services.analytics.dashboards import own_dashboards

    for name, one in own_dashboards().items():
        typer.echo(f"{name:<10} {len(one.panels):>3} panels  {one.title}")


@dashboards_app.command()
def write(
    folder: Annotated[Path, typer.Argument(help="Where Grafana provisions from.")],
    names: Names = None,
) -> None:
    """Write them as Grafana's JSON, one file each."""
    from jarvis_dagster.services.analytics.dashboards import write_dashboard

    for name, one in _chosen(names).items():
        typer.echo(write_dashboard(one, folder, name))


@dashboards_app.command()
def push(names: Names = None) -> None:
    """Create or replace them in the Grafana of `analytics.grafana_url`."""
    from jarvis_dagster.errors import NotSupportedError
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    service = core_services(load_settings()).analytics_service
    if service.config.grafana_url is None:
        raise NotSupportedError("There is no Grafana.", "Set analytics.grafana_url.")
    for one in _chosen(names).values():
        typer.echo(f"{one.title}: {service.create_dashboard(one.model_dump(exclude_none=True))}")


def _chosen(names: list[str] | None) -> dict[str, Dashboard]:
    from jarvis_dagster.errors import BadInputError
    from jarvis_dagster.services.analytics.dashboards import own_dashboards

    known = own_dashboards()
    for name in names or ():
        if name not in known:
            raise BadInputError(f"There is no dashboard {name}.", f"There are: {', '.join(known)}.")
    return {name: known[name] for name in names or known}
