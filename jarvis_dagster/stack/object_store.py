"""The object store: SeaweedFS, as it is run, with its keys.

Belongs here: its command line, and what it reads of secrets. Does not belong here: how the stack
speaks to it (`readiness`, the storage service), other programs (`programs`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from jarvis_dagster.stack.binaries import find_program
from jarvis_dagster.stack.credentials import object_store_credentials
from jarvis_dagster.stack.layout import write_private
from jarvis_dagster.stack.program import Check

if TYPE_CHECKING:
    from jarvis_dagster.stack.config import StackConfig
    from jarvis_dagster.stack.layout import StackPaths

__all__ = ["PROBE_BUCKET", "object_store", "write_security"]

PROBE_BUCKET = "jarvis-stack"
"""Bucket of the one object by which the stack sees that the object store serves."""


def object_store(config: StackConfig, paths: StackPaths) -> dict[str, Any]:
    """How it is run."""
    ports = config.ports
    master, volume, filer, admin = ports.internal()
    return {
        "title": "object store",
        "argv": (
            find_program("weed"),
            "-logtostderr=true",
            "mini",
            "-dir=.",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-bucket={','.join((*config.buckets, PROBE_BUCKET))}",
            # Without this, filer, volume and master answer HTTP without any credentials.
            "-disableHttp",
            f"-s3.port={ports.object_store}",
            f"-master.port={master}",
            f"-volume.port={volume}",
            f"-filer.port={filer}",
            f"-admin.port={admin}",
            "-volume.preStopSeconds=0",
            # By default as many as fill the free space at its start: on a small disk, too few for
            # every bucket to get one. They grow as they are written.
            "-volume.max=8192",
            f"-filer.localSocket={paths.sockets / 'filer.sock'}",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-s3.iam.readOnly=false",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
        ),
        "cwd": paths.object_store,
        "env": {"GOMEMLIMIT": config.object_store_memory},
        "secrets": lambda: _secrets(paths),
        # Its own health page answers up to 5 s before objects that it holds can be read.
        "check": Check("s3", f"127.0.0.1:{ports.object_store}"),
        "ports": (
            *ports.by_setting()["object_store"],
            *ports.by_setting()["object_store_internal"],
        ),
        "port": ports.object_store,
        "url": f"http://127.0.0.1:{ports.object_store}",
    }


def _secrets(paths: StackPaths) -> dict[str, str]:
    credentials = object_store_credentials(paths)
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "WEED_S3_SSE_KEK": credentials.master_key,
    }


def write_security(paths: StackPaths) -> None:
    """Have the parts of the object store sign what they ask of each other.

    The file is read from the working directory. It is a second lock behind `-disableHttp`.
    """

    key = object_store_credentials(paths).internal_key

    def derived(part: str) -> str:
        return hashlib.sha256(f"{part}:{key}".encode()).hexdigest()

    parts = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    text = "".join(f'[{part}]\nkey = "{derived(part)}"\n' for part in parts)
    write_private(paths.object_store / "security.toml", text)
