"""``jarvis notify``: what is told to people, and whether they can be reached."""

from __future__ import annotations

import dataclasses
import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table

if TYPE_CHECKING:
    from jarvis_dagster.services.notification import JarvisNotificationService

__all__ = ["notify_app"]

notify_app = typer.Typer(help="Messages to people.", no_args_is_help=True)
FAILED = 1


@notify_app.command("test")
def send_test(
    channels: Annotated[
        list[str] | None, typer.Argument(help="Channels of the settings; all by default.")
    ] = None,
) -> None:
    """Send a test message to each channel now; exit code 1 if one does not take it."""
    from jarvis_dagster.errors import JarvisError
    from jarvis_dagster.settings import load_settings

    service = _service()
    known = load_settings().notification.channels
    if not known:
        typer.echo("There are no channels: docs/notifications.md shows how to write one.")
        raise typer.Exit(FAILED)
    failed = False
    for name in channels or known:
        try:
            service.test(name)
            typer.echo(f"{name}: taken")
        except JarvisError as error:
            failed = True
            typer.echo(str(error), err=True)
    if failed:
        raise typer.Exit(FAILED)


@notify_app.command()
def send() -> None:
    """Send what waits and is due; exit code 1 if something was not taken."""
    done = _service().deliver()
    typer.echo(f"{done.sent} sent, {done.later} again later, {done.failed} given up")
    for line in done.errors:
        typer.echo(line, err=True)
    if done.errors:
        raise typer.Exit(FAILED)


@notify_app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help="Only these: waiting, sent or failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List what was told and what waits."""
    from jarvis_dagster.errors import BadInputError

    if state not in {None, "waiting", "sent", "failed"}:
        raise BadInputError(f"{state!r} is no state.", "Use waiting, sent or failed.")
    messages = _service().messages(state, limit)
    if as_json:
        print_json([dataclasses.asdict(one) for one in messages])
        return
    print_table(
        ("last", "state", "channel", "what", "times", "why not"),
        [
            (_time(one.last_at), one.state, one.channel, one.notice.summary, one.count, one.error)
            for one in messages
        ],
        nothing="There is no message.",
    )


def _service() -> JarvisNotificationService:
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    return core_services(load_settings()).notification_service


def _time(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M}"
