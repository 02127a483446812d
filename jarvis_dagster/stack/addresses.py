"""Where the servers of the embedded stack are reached.

Belongs here: the addresses and keys that clients need, as values and as environment variables.
Does not belong here: starting the servers.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jarvis_dagster.stack.credentials import object_store_credentials
from jarvis_dagster.stack.layout import StackPaths

if TYPE_CHECKING:
    from jarvis_dagster.stack.config import StackConfig

__all__ = ["Endpoints", "endpoints", "environment"]


@dataclass(frozen=True)
class Endpoints:
    """Addresses and keys of the embedded servers, as clients want them."""

    object_store: str
    """Host and port of the S3 server, without a scheme; it speaks plain HTTP."""
    access_key: str
    secret_key: str = field(repr=False)
    mlflow_uri: str
    temporal_address: str
    metrics_port: int
    dagster_url: str


def endpoints(config: StackConfig) -> Endpoints:
    """Return the addresses of the servers, whether they run or not.

    The keys of the object store are made if the data directory has none yet.

    Raises:
        ConfigError: the file of the keys is damaged.
    """
    paths = StackPaths(config.data_dir)
    credentials = object_store_credentials(paths)
    ports = config.ports
    return Endpoints(
        object_store=f"127.0.0.1:{ports.object_store}",
        access_key=credentials.access_key,
        secret_key=credentials.secret_key,
        mlflow_uri=f"http://127.0.0.1:{ports.mlflow}",
        temporal_address=f"127.0.0.1:{ports.temporal}",
        metrics_port=ports.metrics,
        dagster_url=f"http://127.0.0.1:{ports.dagster}/dagster",
    )


def environment(config: StackConfig) -> dict[str, str]:
    """Return the environment variables by which a program finds this stack. No secrets."""
    from jarvis_dagster.settings import find_config

    paths = StackPaths(config.data_dir)
    found = {
        "JARVIS_DATA_DIR": str(config.data_dir),
        "JARVIS_STACK_FILE": str(paths.stack_file),
        "DAGSTER_HOME": str(paths.dagster),
    }
    settings = find_config()
    if settings is not None:
        # A program's working directory is not the one in which a person started it.
        found["JARVIS_CONFIG"] = str(settings)
    if os.environ.get("JARVIS_ENV"):
        found["JARVIS_ENV"] = os.environ["JARVIS_ENV"]
    for name in ("NO_PROXY", "no_proxy"):
        # The servers talk to each other on this machine, past any proxy.
        listed = [host for host in os.environ.get(name, "").split(",") if host]
        found[name] = ",".join(dict.fromkeys([*listed, "127.0.0.1", "localhost", "::1"]))
    return found
