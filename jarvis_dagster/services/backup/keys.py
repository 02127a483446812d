"""Encryption of a backup.

Belongs here: from a passphrase to the keys of a repository, sealing and
opening bytes, the keyed names of contents. Does not belong here: where the
bytes are kept.

The passphrase, stretched by scrypt (RFC 7914), wraps a random repository key.
Two keys are derived from that by HKDF: one for AES-256-GCM, one for the keyed
hash (HMAC-SHA256) that names contents, so that names say nothing about them.
What is sealed is bound to its name: one blob cannot stand in for another.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from pydantic import SecretStr

__all__ = ["DamagedError", "Keys", "WrongKeyError", "new_header", "open_header"]

FORMAT = 1
_NONCE_BYTES = 12
_SCRYPT_N, _SCRYPT_R, _SCRYPT_P = 2**15, 8, 1
_SCRYPT_MOST_N = 2**20


class WrongKeyError(ConfigError):
    """The passphrase is not the one that this backup was made with."""


class DamagedError(PermanentError):
    """A part of a backup is not what was written."""


class Keys:
    """The keys of one repository."""

    def __init__(self, repository_key: bytes, repository_id: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher = AESGCM(_derived(repository_key, b"seal"))
        self._naming = _derived(repository_key, b"name")
        self.repository_id = repository_id

    def seal(self, data: bytes, name: str) -> bytes:
        """``data``, encrypted and bound to ``name``."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, data, name.encode())

    def open(self, sealed: bytes, name: str) -> bytes:
        """What was sealed under ``name``.

        Raises:
            DamagedError: a byte differs, is missing, or it was sealed under another name.
        """
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise DamagedError(
                f"{name} of the backup is damaged.", "Run `jarvis backup verify`."
            ) from None

    def name_of(self, data: bytes) -> str:
        """The name of a content: 64 hexadecimal digits that nobody without the key can guess."""
        return hmac.digest(self._naming, data, "sha256").hex()


def new_header(passphrase: SecretStr) -> tuple[bytes, Keys]:
    """A new repository's header and its keys."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    repository_id, salt = secrets.token_hex(16), secrets.token_bytes(32)
    repository_key, nonce = secrets.token_bytes(32), secrets.token_bytes(_NONCE_BYTES)
    wrapping = _stretched(passphrase, salt, _SCRYPT_N, _SCRYPT_R, _SCRYPT_P)
    wrapped = AESGCM(wrapping).encrypt(nonce, repository_key, repository_id.encode())
    header = {
        "format": FORMAT,
        "id": repository_id,
        "scrypt": {"n": _SCRYPT_N, "r": _SCRYPT_R, "p": _SCRYPT_P, "salt": _text(salt)},
        "key": _text(nonce + wrapped),
    }
    header["sha256"] = _checksum(header)
    text = json.dumps(header, indent=1, sort_keys=True) + "\n"
    return text.encode(), Keys(repository_key, repository_id)


def open_header(data: bytes, passphrase: SecretStr, where: str) -> Keys:
    """The keys of the repository whose header this is.

    Raises:
        DamagedError: the header is not what was written.
        WrongKeyError: the passphrase does not open it.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header = _checked(data, where)
    try:
        wrapped, salt = _bytes(header["key"]), _bytes(header["scrypt"]["salt"])
        n, r, p = (int(header["scrypt"][name]) for name in "nrp")
    except (KeyError, TypeError, ValueError):
        raise _damaged(where) from None
    if n > _SCRYPT_MOST_N or r > 32 or p > 16:
        raise _damaged(where)
    wrapping = _stretched(passphrase, salt, n, r, p)
    try:
        key = AESGCM(wrapping).decrypt(
            wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], header["id"].encode()
        )
    except InvalidTag:
        raise WrongKeyError(
            f"The key does not open the backup at {where}.",
            "Set `backup.key`, or put `secrets/backup.key` back, as it was when that was made.",
        ) from None
    return Keys(key, header["id"])


def _checked(data: bytes, where: str) -> dict[str, Any]:
    try:
        header = json.loads(data)
        intact = header.pop("sha256") == _checksum(header)
    except (ValueError, KeyError, AttributeError, TypeError):
        raise _damaged(where) from None
    # Every byte counts, spaces too: what was written is one text only.
    written = json.dumps(header | {"sha256": _checksum(header)}, indent=1, sort_keys=True) + "\n"
    if not intact or written.encode() != data:
        raise _damaged(where)
    if header.get("format") != FORMAT:
        raise PermanentError(
            f"The backup at {where} has format {header.get('format')}; this Jarvis reads {FORMAT}.",
            "Use the version of Jarvis that made it.",
        )
    return header


def _damaged(where: str) -> DamagedError:
    return DamagedError(f"The header of the backup at {where} is damaged.")


def _checksum(header: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()


def _stretched(passphrase: SecretStr, salt: bytes, n: int, r: int, p: int) -> bytes:
    text = passphrase.get_secret_value().strip().encode()
    most = 128 * r * (n + p + 2) + (1 << 20)
    return hashlib.scrypt(text, salt=salt, n=n, r=r, p=p, dklen=32, maxmem=most)


def _derived(key: bytes, purpose: bytes) -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(hashes.SHA256(), 32, salt=None, info=b"jarvis backup " + purpose).derive(key)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
