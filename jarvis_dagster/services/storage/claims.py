"""Taking turns on a server that ignores the conditions of conditional writes.

Belongs here: finding out what the server does, and the way without. Does not
belong here: what is written (``documents.py``).

Without conditions, each writer first puts a claim of its own beside the
document, waits, and lists the claims: the oldest by the server's clock may
write, all others are told. That is sound while the server shows a claim
within ``SETTLE_S`` and no writer sleeps for ``LEASE_S`` between its claim and
its write; conditional writes need neither.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConflictError, PermanentError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.services.storage.stored import ObjectInfo
    from jarvis_dagster.services.storage.wire import Wire

__all__ = [
    "CLAIMS_PREFIX",
    "SETTLE_S",
    "claimed",
    "honours_conditional_deletes",
    "honours_conditions",
]

_LOG = logging.getLogger(__name__)
CLAIMS_PREFIX = ".jarvis/claims/"
SETTLE_S = 2.0  # the server's clock in listings counts seconds
LEASE_S = 60.0


def honours_conditions(wire: Wire, bucket: str) -> bool:
    """Whether the server refuses writes whose condition does not hold."""
    key = f".jarvis/probe/{secrets.token_hex(8)}"
    url = f"s3://{bucket}/{key}"
    absent, wrong = {"If-None-Match": "*"}, {"If-Match": '"00000000000000000000000000000000"'}
    try:
        wire.call(url, lambda: wire.put(bucket, key, b"probe"))
        for refused in (
            lambda: wire.put(bucket, key, b"probe", condition=absent),
            lambda: wire.put(bucket, key, b"probe", condition=wrong),
        ):
            try:
                wire.call(url, refused)
            except ConflictError:
                continue
            except TransientError:
                raise
            except PermanentError:  # it does not know the header
                pass
            _LOG.warning(
                "%s ignores If-Match and If-None-Match: writers take turns by claims, which "
                "takes %g s a write.",
                wire.config.endpoint,
                SETTLE_S,
            )
            return False
        return True
    finally:
        wire.call(url, lambda: wire.delete(bucket, key))


def honours_conditional_deletes(wire: Wire, bucket: str) -> bool:
    """Whether the server refuses deletes whose condition does not hold."""
    key = f".jarvis/probe/{secrets.token_hex(8)}"
    url = f"s3://{bucket}/{key}"
    wire.call(url, lambda: wire.put(bucket, key, b"probe"))
    try:
        wire.call(url, lambda: wire.delete(bucket, key, version="0" * 32))
    except ConflictError:
        return True
    except TransientError:
        raise
    except PermanentError:  # it does not know the header
        return False
    finally:
        wire.call(url, lambda: wire.delete(bucket, key))
    return False


@contextmanager
def claimed(wire: Wire, bucket: str, key: str) -> Iterator[None]:
    """The turn to write the document ``key``; what is written must be so within the block.

    Raises:
        ConflictError: another writer claimed it first.
    """
    folder = f"{CLAIMS_PREFIX}{hashlib.sha256(key.encode()).hexdigest()[:32]}/"
    own = folder + secrets.token_hex(8)
    url = f"s3://{bucket}/{key}"
    began = time.monotonic()
    wire.call(url, lambda: wire.put(bucket, own, b"claim"))
    try:
        time.sleep(SETTLE_S)
        claims = _standing(wire, bucket, folder, own)
        if not claims or claims[0].key != own or time.monotonic() - began > LEASE_S / 2:
            raise ConflictError(
                f"{url} was claimed by another writer.",
                "Look at what is there now, then try again.",
            )
        yield
    finally:
        wire.call(url, lambda: wire.delete(bucket, own))


def _standing(wire: Wire, bucket: str, folder: str, own: str) -> list[ObjectInfo]:
    """The claims, oldest first, without those that a killed process left."""
    claims = sorted(wire.listing(bucket, folder), key=lambda info: (info.modified, info.key))
    mine = next((info.modified for info in claims if info.key == own), None)
    if mine is None:
        return []
    stale = [info for info in claims if info.modified < mine - timedelta(seconds=LEASE_S)]
    for info in stale:
        wire.call(
            f"s3://{bucket}/{info.key}",
            lambda left=info.key: wire.delete(bucket, left),  # type: ignore[misc]
        )
    return [info for info in claims if info not in stale]
