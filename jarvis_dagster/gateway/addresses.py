"""Where the gateway is, and where what is behind it.

Belongs here: the settings with everything empty filled in. Does not belong here: the settings
themselves (``config``).
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from jarvis_dagster.gateway.config import Upstreams

if TYPE_CHECKING:
    from jarvis_dagster.settings import Settings

__all__ = ["Addresses", "addresses"]


@dataclasses.dataclass(frozen=True)
class Addresses:
    """Where the gateway is, and where what is behind it.

    Attributes:
        origins: As browsers name it; the first is the one to print.
        port: That it listens on.
    """

    origins: tuple[str, ...]
    port: int
    upstreams: Upstreams

    @property
    def url(self) -> str:
        """The address for people."""
        return self.origins[0]

    @property
    def login(self) -> str:
        """Jarvis' own pages and the login, as the proxy reaches them."""
        assert self.upstreams.login is not None
        return self.upstreams.login


def addresses(settings: Settings) -> Addresses:
    """The addresses by these settings."""
    config, ports = settings.gateway, settings.stack.ports
    url = config.url or f"http://127.0.0.1:{ports.gateway}"
    origins = [url]
    parts = urlsplit(url)
    if parts.hostname in ("127.0.0.1", "localhost"):
        other = "localhost" if parts.hostname == "127.0.0.1" else "127.0.0.1"
        port = f":{parts.port}" if parts.port else ""
        origins.append(f"{parts.scheme}://{other}{port}")
    upstreams = config.upstreams or Upstreams(
        dagster=f"http://127.0.0.1:{ports.dagster}",
        dagster_viewer=f"http://127.0.0.1:{ports.dagster_viewer}",
        mlflow=f"http://127.0.0.1:{ports.mlflow}",
        temporal=f"http://127.0.0.1:{ports.temporal_ui}",
    )
    if upstreams.login is None:
        login = f"http://127.0.0.1:{ports.login}"
        upstreams = upstreams.model_copy(update={"login": login})
    return Addresses(tuple(origins), ports.gateway, upstreams)
