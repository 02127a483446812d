"""``jarvis approvals``: what waits for a yes, and saying it.

Belongs here: options, help and what is printed. Does not belong here: who may, and what holds
(``services/approval``).
"""

from __future__ import annotations

import contextlib
import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal
from jarvis_dagster.errors import BadInputError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.approval import Approval, JarvisApprovalService
    from jarvis_dagster.services.security import Principal
    from jarvis_dagster.settings import Settings

__all__ = ["approvals_app"]

approvals_app = typer.Typer(help="What waits until a person says yes.", no_args_is_help=True)
FAILED = 1

Id = Annotated[str, typer.Argument(help="Its id, or the beginning of it.")]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        envvar="JARVIS_TOKEN_FILE",
        help="File with an API token, to act as its account; by default you act as this machine.",
    ),
]
_STATES = ("waiting", "approved", "rejected", "expired", "superseded")


@approvals_app.command("list")
def list_(
    state: Annotated[str | None, typer.Option(help=f"Only these: {', '.join(_STATES)}.")] = None,
    kind: Annotated[
        str | None, typer.Option(help="Only these: results, deployment, parameters or labels.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are decided, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 50,
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """What waits for a person; with --all what was decided, too."""
    from jarvis_dagster.services.approval import KINDS

    if state not in {None, *_STATES}:
        raise BadInputError(f"{state!r} is no state.", f"Use one of {', '.join(_STATES)}.")
    if kind not in {None, *KINDS}:
        raise BadInputError(f"{kind!r} is no kind.", f"Use one of {', '.join(KINDS)}.")
    wanted = state or (None if everything else "waiting")
    with _service(token_file) as (service, by):
        found = service.approvals(state=wanted, kind=kind, by=by, limit=limit)
    if as_json:
        print_json([one.to_json() for one in found])
        return
    print_table(
        ("id", "kind", "what", "team", "state", "asked", "until", "by whom"),
        [
            (
                one.id,
                one.kind,
                one.title or one.subject,
                one.team or "",
                one.state,
                _time(one.asked_at),
                _time(one.expires_at) if one.waiting else "",
                one.decided_by or f"asked by {one.asked_by}",
            )
            for one in found
        ],
        nothing="Nothing waits." if wanted == "waiting" else "There is nothing.",
    )


@approvals_app.command()
def show(approval_id: Id, token_file: TokenFile = None, as_json: AsJson = False) -> None:
    """One of them: what exactly, figures before and after, who asked and who decided."""
    with _service(token_file) as (service, by):
        found = service.get(approval_id, by=by)
    if as_json:
        print_json(found.to_json())
        return
    from rich.table import Table
    from rich.text import Text

    console = terminal()
    console.print(Text(found.title or found.subject, style="bold"))
    console.print(Text(found.words()))
    facts = Table.grid(padding=(0, 2))
    rows = {
        "id": found.id,
        "kind": found.kind,
        "about": found.subject,
        "team": found.team or "everybody",
        "asked": f"{_time(found.asked_at)} by {found.asked_by}",
        "until": _time(found.expires_at),
        "content": found.sha256,
        "decided": f"{_time(found.decided_at)} by {found.decided_by}" if found.decided_by else "",
        "done": _time(found.applied_at),
        **{f"to look at: {one.name}": one.key for one in found.shown},
        **found.links,
    }
    for name, value in rows.items():
        if value:
            facts.add_row(name, Text(value))
    console.print(facts)
    if found.figures:
        table = Table("figure", "before", "after", "")
        for one in found.figures:
            before, after = (_figure(value) for value in (one.before, one.after))
            style = "" if before == after else "bold"
            table.add_row(Text(one.name), before, Text(after, style=style), Text(one.note))
        console.print(table)
    if found.waiting:
        typer.echo(f"Decide: jarvis approvals approve {found.id}")


@approvals_app.command()
def approve(
    approval_id: Id,
    reason: Annotated[str, typer.Option(help="For the record.")] = "",
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say yes to it, exactly as it was asked."""
    with _service(token_file) as (service, by):
        done = service.approve(approval_id, reason, by=by)
    _print_done(done, as_json=as_json)


@approvals_app.command()
def reject(
    approval_id: Id,
    reason: Annotated[str, typer.Option(help="What has to be otherwise.")],
    token_file: TokenFile = None,
    as_json: AsJson = False,
) -> None:
    """Say no to it, with the reason."""
    with _service(token_file) as (service, by):
        done = service.reject(approval_id, reason, by=by)
    _print_done(done, as_json=as_json)


@approvals_app.command("ask-again")
def ask_again(approval_id: Id, token_file: TokenFile = None) -> None:
    """Ask anew what expired or was rejected."""
    with _service(token_file) as (service, by):
        made = service.ask_again(approval_id, by=by)
    typer.echo(f"{made.id} waits until {_time(made.expires_at)}.")


@approvals_app.command()
def verify() -> None:
    """See that every decision is in the audit log; exit code 1 if one is not."""
    with _service(None) as (service, _):
        wrong = service.verify()
    for line in wrong:
        typer.echo(line, err=True)
    if wrong:
        raise typer.Exit(FAILED)
    typer.echo("Every decision is in the audit log. See to the log: jarvis audit verify")


@approvals_app.command()
def apply(
    approval_id: Annotated[
        str | None, typer.Argument(help="Only this one; by default all that are due.")
    ] = None,
) -> None:
    """Do now what was approved; where `jarvis up` runs it is done by itself."""
    from jarvis_dagster.settings import load_settings

    settings = load_settings()
    with _service(None) as (service, _):
        due = service.to_do(("results", "deployment"))
        if approval_id is not None:
            wanted = service.get(approval_id)
            if wanted.kind in {"parameters", "labels"}:
                raise PermanentError(
                    f"{wanted.kind.capitalize()} are not applied from here.",
                    "The Autopilot does that by itself."
                    if wanted.kind == "parameters"
                    else "Use `jarvis review apply` or `jarvis review import`.",
                )
            due = [one for one in due if one.id == wanted.id]
            if not due:
                raise PermanentError(
                    f"{wanted.id} is not to be done"
                    + (": it is done already." if wanted.applied_at else f". {wanted.words()}"),
                    "`jarvis approvals list --all` shows how all stand.",
                )
    if not due:
        typer.echo("Nothing is due.")
    for one in due:
        _apply(settings, one)
        typer.echo(f"{one.id}: {one.title or one.subject}: done")


def _apply(settings: Settings, approval: Approval) -> None:
    if approval.kind == "deployment":
        from jarvis_dagster.commands.platform import platform
        from jarvis_dagster.promoting import Promoter

        with platform(storage=True) as (_, core):
            Promoter(settings, core).apply_approved(approval.id)
        return
    from jarvis_dagster.commands.approved import deliver

    deliver(settings, approval, terminal(stderr=True))


def _print_done(approval: Approval, *, as_json: bool) -> None:
    if as_json:
        print_json(approval.to_json())
        return
    typer.echo(f"{approval.id}: {approval.title or approval.subject}: {approval.state}.")
    if approval.allowed and approval.kind in {"results", "deployment"}:
        typer.echo(
            "It is done within a minute where `jarvis up` runs; else: jarvis approvals apply"
        )


@contextlib.contextmanager
def _service(token_file: Path | None) -> Iterator[tuple[JarvisApprovalService, Principal]]:
    """The service, and who acts: the account of a token, or whoever is at this machine."""
    from jarvis_dagster.commands.platform import this_person
    from jarvis_dagster.services.security import Principal
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    with core_services(load_settings()) as core:
        by = Principal(f"local:{this_person()}", "admin", None, "local")
        if token_file is not None:
            try:
                token = token_file.read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise BadInputError(
                    f"{token_file} cannot be read ({error}).",
                    "Check that it is there, and that it may be read.",
                ) from error
            by = core.security_service.authenticate(token)
        yield core.approval_service, by


def _figure(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else f"{value:.4g}"


def _time(at: float | None) -> str:
    if at is None:
        return ""
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M}"
