"""``jarvis account``, ``jarvis token``, ``jarvis audit``: who there is, and what they did."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table

if TYPE_CHECKING:
    from jarvis_dagster.services.security import JarvisSecurityService

__all__ = ["account_app", "audit_app", "token_app"]

account_app = typer.Typer(help="People and components that have access.", no_args_is_help=True)
token_app = typer.Typer(help="API tokens.", no_args_is_help=True)
audit_app = typer.Typer(help="Who did what.", no_args_is_help=True)
FAILED = 1

Team = Annotated[
    list[str] | None, typer.Option("--team", help="Team; say it again for each further one.")
]
PasswordFile = Annotated[
    Path | None, typer.Option(help="File that holds the password; without it you are asked.")
]


@account_app.command("add")
def add_account(
    name: Annotated[str, typer.Argument(help="Name to sign in with.")],
    role: Annotated[str, typer.Option(help="admin, developer, user, or one of the policy.")] = (
        "user"
    ),
    team: Team = None,
    service: Annotated[
        bool, typer.Option("--service", help="For a program: it has tokens and no password.")
    ] = False,
    password_file: PasswordFile = None,
) -> None:
    """Give a person or a program access."""
    security = _service()
    security.require_role(role)  # before anybody thinks of a password
    made = security.add_account(
        name,
        role,
        kind="service" if service else "user",
        teams=frozenset(team or ()),
        password=None if service else _password(password_file),
    )
    typer.echo(f"{made.name} is there, as {made.role}.")


@account_app.command("set")
def set_account(
    name: Annotated[str, typer.Argument(help="Whose account.")],
    role: Annotated[str | None, typer.Option(help="Another role.")] = None,
    team: Team = None,
    no_team: Annotated[bool, typer.Option("--no-team", help="Take out of all teams.")] = False,
    disabled: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Whether it may sign in.")
    ] = None,
) -> None:
    """Change role, teams or state; disabling revokes all tokens."""
    teams = frozenset[str]() if no_team else None if team is None else frozenset(team)
    _service().change_account(name, role=role, teams=teams, disabled=disabled)
    typer.echo(f"{name} is changed.")


@account_app.command("password")
def set_password(
    name: Annotated[str, typer.Argument(help="Whose account.")], password_file: PasswordFile = None
) -> None:
    """Set a new password; revokes all tokens."""
    _service().change_account(name, password=_password(password_file))
    typer.echo(f"{name} has a new password.")


@account_app.command("list")
def list_accounts(as_json: AsJson = False) -> None:
    """List all accounts."""
    rows = [
        {
            "name": one.name,
            "kind": one.kind,
            "role": one.role,
            "teams": sorted(one.teams),
            "state": "disabled" if one.disabled else "active",
        }
        for one in _service().accounts.all()
    ]
    _show(rows, as_json=as_json)


@token_app.command("create")
def create_token(
    account: Annotated[str, typer.Argument(help="Whose token.")],
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days until it expires.")
    ] = None,
) -> None:
    """Make a token and print it; it is never shown again."""
    typer.echo(_service().create_token(account, label, days))


@token_app.command("list")
def list_tokens(
    account: Annotated[str | None, typer.Argument(help="Only of this account.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tokens, without the tokens themselves."""
    rows = [
        {
            "id": one.id,
            "account": one.account,
            "label": one.label,
            "expires": _time(one.expires),
            "used": _time(one.used),
            "revoked": one.revoked,
        }
        for one in _service().tokens.all(account)
    ]
    _show(rows, as_json=as_json)


@token_app.command("revoke")
def revoke_token(
    token_id: Annotated[str, typer.Argument(help="Its id, from the list.")],
) -> None:
    """End a token at once."""
    ended = _service().revoke_token(token_id)
    typer.echo(f"The token {ended.id} of {ended.account} is revoked.")


@audit_app.command("list")
def list_audit(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 50,
    by: Annotated[str | None, typer.Option(help="Only of this account.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Only what was refused.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what was done and refused, the newest last."""
    entries = [
        entry
        for entry in _service().audit.history()
        if (by is None or entry.get("by") == by) and not (refused and entry.get("allowed"))
    ][-limit:]
    if as_json:
        print_json(entries)
        return
    rows = [
        {
            "n": entry.get("n", ""),
            "time": entry["time"],
            "by": entry.get("by", ""),
            "from": entry.get("from", ""),
            "action": entry["action"],
            "object": entry.get("object", ""),
            "allowed": "yes" if entry["allowed"] else f"no: {entry.get('reason', 'no right')}",
        }
        for entry in entries
    ]
    _show(rows, as_json=False)


@audit_app.command("verify")
def verify_audit(
    head: Annotated[
        str | None, typer.Option(help="An end that was noted earlier: NUMBER:HASH.")
    ] = None,
) -> None:
    """See that no entry was changed, taken out or put in; exit code 1 if one was."""
    from jarvis_dagster.errors import BadInputError
    from jarvis_dagster.services.security import Head

    noted = None
    if head is not None:
        number, _, digest = head.partition(":")
        if not number.isdigit() or len(digest) != 64:
            raise BadInputError(f"{head!r} is no end of the log.", "Give what `verify` printed.")
        noted = Head(int(number), digest)
    log = _service().audit
    wrong = log.verify(noted)
    for line in wrong:
        typer.echo(line, err=True)
    if wrong:
        raise typer.Exit(FAILED)
    typer.echo(f"The log is whole. Its end, to note elsewhere: {log.head()}")


def _service() -> JarvisSecurityService:
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import core_services

    return core_services(load_settings()).security_service


def _password(file: Path | None) -> str:
    from jarvis_dagster.errors import BadInputError

    if file is None:
        password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
        return password
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(
            f"{file} cannot be read ({error}).", "Check that it is there, and that it may be read."
        ) from error


def _show(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("There is nothing.")
        return
    cells = [[", ".join(v) if isinstance(v, list) else v for v in row.values()] for row in rows]
    print_table(tuple(rows[0]), cells)


def _time(at: float | None) -> str:
    if at is None:
        return "never"
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M}"
