"""Certificates for servers on this machine, which nobody else trusts.

Belongs here: making them. Does not belong here: serving with one, or trusting it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trustme

if TYPE_CHECKING:
    import datetime
    from pathlib import Path

__all__ = ["make_certificate"]


def make_certificate(folder: Path, *, ends: datetime.datetime | None = None) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 and localhost with the authority that signed it, and its key.

    The first file serves, and whoever takes it for trusted authorities trusts the server.
    """
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost", not_after=ends)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    for blob in (*issued.cert_chain_pems, authority.cert_pem):
        blob.write_to_path(str(certificate), append=True)
    issued.private_key_pem.write_to_path(str(key))
    return certificate, key
