"""Caddy, in front of everything: its configuration.

Belongs here: what the proxy does by itself (addresses, TLS, limits, headers, routes), and when it
asks the login. Does not belong here: deciding (``deciding``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.gateway.addresses import addresses
from jarvis_dagster.gateway.caddy import find_caddy
from jarvis_dagster.gateway.sites import SITES
from jarvis_dagster.gateway.unread import LOG_NAME
from jarvis_dagster.gateway.visitors import COOKIES

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.gateway.addresses import Addresses
    from jarvis_dagster.gateway.config import GatewayConfig
    from jarvis_dagster.settings import Settings

__all__ = ["caddyfile", "run_proxy"]

IDENTITY_HEADERS = (
    *("Jarvis-*", "X-Webauth-*", "X-Auth-*", "X-Forwarded-*", "Forwarded", "Remote-*"),
    *("X-Remote-*", "X-User", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip"),
    *("X-Original-*", "X-Rewrite-*", "X-Script-Name", "X-Http-Method*", "X-Method-Override"),
)
"""By which programs are told who asks, from where, or what: only the gateway may."""


def caddyfile(settings: Settings, state: Path) -> str:
    """The whole configuration.

    Args:
        state: Folder for the certificates that Caddy makes.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jarvis_dagster.gateway"),
        autoescape=False,  # noqa: S701  (not HTML)
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["quoted"] = _quoted
    at, config = addresses(settings), settings.gateway
    return environment.get_template("Caddyfile").render(
        config=config,
        at=at,
        hosts=_hosts(config, at),
        binds=list(dict.fromkeys(["127.0.0.1", config.listen]))
        if config.listen not in ("0.0.0.0", "::")  # noqa: S104
        else [config.listen],
        state=state,
        unread=state / LOG_NAME,
        sites=[
            (site, _without_scheme(getattr(at.upstreams, site.name)))
            for site in SITES
            if getattr(at.upstreams, site.name) is not None
        ],
        viewer=_without_scheme(at.upstreams.dagster_viewer or "http://127.0.0.1:1"),
        login=_without_scheme(at.login),
        identity_headers=IDENTITY_HEADERS,
        cookies="|".join(COOKIES),
    )


def run_proxy(settings: Settings, state: Path) -> None:
    """Become Caddy; returns only if that fails.

    Raises:
        NotSupportedError: it is not installed.
    """
    caddy = find_caddy()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = state / "Caddyfile"
    path.write_text(caddyfile(settings, state), "utf-8")
    path.chmod(0o600)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    env = {**kept, "XDG_DATA_HOME": str(state), "XDG_CONFIG_HOME": str(state)}
    arguments = [caddy, "run", "--config", str(path), "--adapter", "caddyfile"]
    os.execve(caddy, arguments, env)  # noqa: S606


def _hosts(config: GatewayConfig, at: Addresses) -> list[str]:
    """The addresses that Caddy answers to: its own port, whatever port people type."""
    names = dict.fromkeys(str(urlsplit(origin).hostname) for origin in at.origins)
    bracketed = (f"[{name}]" if ":" in name else name for name in names)
    return [f"{config.scheme}://{name}:{at.port}" for name in bracketed]


def _without_scheme(url: str) -> str:
    return urlsplit(url).netloc


def _quoted(value: object) -> str:
    text = str(value)
    if any(letter in text for letter in '"\\\n{}'):
        raise NotSupportedError(
            f"{text!r} cannot be part of the proxy's configuration.",
            "Leave quotes, braces and line breaks out of the setting.",
        )
    return f'"{text}"'
