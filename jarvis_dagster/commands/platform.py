"""The services for a command, with the servers that they need.

Belongs here: the core services for the length of a command. Does not belong here: what a
command does with them.
"""

from __future__ import annotations

import contextlib
import getpass
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings
    from jarvis_dagster.stack import ProgramName

__all__ = ["lent", "platform", "this_person"]


@contextlib.contextmanager
def platform(*, storage: bool = False) -> Iterator[tuple[Settings, JarvisCoreServices]]:
    """The settings and the services; embedded servers that do not run are lent meanwhile.

    Args:
        storage: Whether the object store is needed too, beside MLflow.
    """
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    settings = load_settings()
    storage = storage or settings.experiment is None  # MLflow keeps its files there, too
    with lent(settings, storage=storage, experiments=True), core_services(settings) as core:
        yield settings, core


def lent(
    settings: Settings, *, storage: bool = True, experiments: bool = False
) -> contextlib.AbstractContextManager[None]:
    """Have the embedded servers answer meanwhile; servers of the settings' own need nothing.

    Args:
        storage: Whether the object store is needed.
        experiments: Whether MLflow is.
    """
    from jarvis_dagster.stack import borrowed

    needed: list[ProgramName] = []
    if experiments and settings.experiment is None:
        needed.append("mlflow")
    if storage and settings.storage is None:
        needed.append("object-store")
    if not needed:
        return contextlib.nullcontext()
    return borrowed(settings.stack, needed, on_start=_say_started)


def _say_started(programs: Collection[str]) -> None:
    """It takes some seconds, in which nothing else is to be seen."""
    names = " and ".join(sorted(programs))
    typer.echo(f"Starting {names} for this command; `jarvis up` keeps them running.", err=True)


def this_person() -> str:
    """The user of this machine, for records of who did something."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
