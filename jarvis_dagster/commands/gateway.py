"""``jarvis gateway``: the address with a login in front of every page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from jarvis_dagster.commands.printing import AsJson, print_json, print_table, terminal

if TYPE_CHECKING:
    from jarvis_dagster.services.security.accounts import Account
    from jarvis_dagster.settings import Settings

__all__ = ["gateway_app"]

gateway_app = typer.Typer(help="The login in front of every page.", no_args_is_help=True)
_ROLES = ("admin", "operator", "developer", "user")


@gateway_app.command("show")
def show(as_json: AsJson = False) -> None:
    """Show the address, the pages behind it, and which roles may look or change things there."""
    from jarvis_dagster.gateway.addresses import addresses

    settings = _settings()
    at, rows = addresses(settings), _rows(settings)
    if as_json:
        print_json({"url": at.url, "pages": rows})
        return
    terminal().print(f"The gateway is {at.url}")
    print_table(("page", "path", *_ROLES), [tuple(row.values()) for row in rows])
    if not any(one.kind == "user" for one in _accounts(settings)):
        terminal().print("There is no account yet: jarvis account add NAME --role admin")


@gateway_app.command("authority")
def authority() -> None:
    """Print the root certificate of the gateway's own authority, for browsers to trust."""
    from jarvis_dagster.errors import NotSupportedError

    settings = _settings()
    state = settings.data_dir / "gateway" / "caddy"
    root = state / "pki" / "authorities" / "local" / "root.crt"
    if settings.gateway.scheme != "https" or settings.gateway.certificate is not None:
        raise NotSupportedError(
            "The gateway uses no authority of its own.",
            "It has one with a `gateway.url` of https and no `gateway.certificate`.",
        )
    if not root.is_file():
        raise NotSupportedError(f"{root} is not there yet.", "Start the gateway: `jarvis up`.")
    typer.echo(root.read_text("ascii"), nl=False)


def _rows(settings: Settings) -> list[dict[str, str]]:
    from jarvis_dagster.gateway.addresses import addresses
    from jarvis_dagster.gateway.app import PAGES
    from jarvis_dagster.gateway.sites import SITES
    from jarvis_dagster.wiring import core_services

    policy = core_services(settings).security_service.policy
    upstreams = addresses(settings).upstreams

    def word(role: str, resource: str | None, right: str) -> str:
        if resource is None or policy.allows(role, resource, right):
            return "full"
        return "look" if policy.allows(role, resource, "read") else "-"

    own = [(one.title, one.path, one.resource, one.right) for one in PAGES if one.title]
    others = [
        (one.title, f"/{one.name}/", one.resource, "write")
        for one in SITES
        if getattr(upstreams, one.name) is not None
    ]
    return [
        {"page": title, "path": path, **{role: word(role, resource, right) for role in _ROLES}}
        for title, path, resource, right in own + others
    ]


def _accounts(settings: Settings) -> list[Account]:
    from jarvis_dagster.wiring import core_services

    return core_services(settings).security_service.accounts.all()


def _settings() -> Settings:
    from jarvis_dagster.settings import load_settings
    from jarvis_dagster.wiring import with_embedded

    return with_embedded(load_settings())
