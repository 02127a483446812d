"""The keys that wrap data keys: from the environment, a file or a KMS.

Belongs here: one class a source. Does not belong here: data keys and where
they are kept (``data_keys.py``).

Keys of the environment and of files are 32 random bytes in base64, separated
by white space or commas. The first wraps; all of them unwrap, so that a new
one can be put in front. A key's id is taken from its hash, never chosen.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from jarvis_dagster.errors import ConfigError, PermanentError, TransientError
from jarvis_dagster.services.storage.faults import DamagedError

if TYPE_CHECKING:
    from jarvis_dagster.services.storage.config import EncryptionConfig

__all__ = ["KeySource", "KmsKeys", "LocalKeys", "Wrapped", "key_source", "new_key"]

_KEY_BYTES = 32
_NONCE_BYTES = 12


class Wrapped(NamedTuple):
    """A data key that is encrypted by the key with the id ``by``."""

    by: str
    data: bytes


class KeySource(Protocol):
    """Wraps and unwraps data keys. ``bound_to`` names what a data key belongs to."""

    @property
    def current(self) -> str:
        """The id of the key that wraps."""

    def wrap(self, data_key: bytes, bound_to: str) -> Wrapped:
        """Encrypt a data key."""

    def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        """Decrypt a data key.

        Raises:
            PermanentError: there is no key with that id here.
            DamagedError: the wrapped key was changed or belongs elsewhere.
        """


def new_key() -> str:
    """A new key, for a person to keep."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def key_source(config: EncryptionConfig) -> KeySource | None:
    """The source that the settings name; None means that nothing is encrypted.

    Raises:
        ConfigError: the keys are missing or malformed.
    """
    if config.source == "kms":
        return KmsKeys(config)
    if config.source == "off":
        return None
    where = f"the variable {config.variable}"
    text = os.environ.get(config.variable, "")
    if config.source == "file":
        where, text = f"the file {config.file}", _read(config)
    elif not text.strip() and not config.required:
        return None
    if not text.strip():
        raise ConfigError(
            f"Encryption needs a key, but {where} is empty.",
            "Make one with `jarvis storage new-key` and keep it in a safe place as well.",
        )
    return LocalKeys(text, where)


def _read(config: EncryptionConfig) -> str:
    assert config.file is not None
    try:
        return config.file.expanduser().read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"storage.encryption.file ({config.file}) cannot be read ({type(error).__name__}).",
            "Make it readable for this user; it holds a key in base64 on each line.",
        ) from None


class LocalKeys:
    """Keys that this process knows; AES-256-GCM with a random nonce."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._keys: dict[str, bytes] = {}
        for number, word in enumerate(text.replace(",", " ").split(), 1):
            key = _decoded(word)
            if len(key) != _KEY_BYTES:
                raise ConfigError(
                    f"Key {number} of {where} is not {_KEY_BYTES} bytes in base64.",
                    "Make one with `jarvis storage new-key`.",
                )
            self._keys[hashlib.sha256(b"jarvis key id" + key).hexdigest()[:16]] = key

    @property
    def current(self) -> str:
        """The id of the first key."""
        return next(iter(self._keys))

    def wrap(self, data_key: bytes, bound_to: str) -> Wrapped:
        """Encrypt a data key by the first key."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self.current]).encrypt(nonce, data_key, bound_to.encode())
        return Wrapped(self.current, nonce + sealed)

    def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        """Decrypt a data key by the key that wrapped it."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self._keys.get(wrapped.by)
        if key is None:
            raise PermanentError(
                f"{bound_to} needs the key {wrapped.by}; {self._where} has {_listed(self._keys)}.",
                "Add that key behind the others; without it the content cannot be read.",
            )
        try:
            return AESGCM(key).decrypt(
                wrapped.data[:_NONCE_BYTES], wrapped.data[_NONCE_BYTES:], bound_to.encode()
            )
        except (InvalidTag, ValueError):
            raise DamagedError(
                f"The data key of {bound_to} is damaged: the key {wrapped.by} does not open it.",
                "Restore it from a backup.",
            ) from None


class KmsKeys:
    """A key that never leaves an AWS KMS (or a server that speaks its protocol)."""

    def __init__(self, config: EncryptionConfig) -> None:
        self._config = config

    @cached_property
    def _client(self) -> Any:
        import boto3

        return boto3.client(
            "kms", endpoint_url=self._config.kms_endpoint, region_name=self._config.kms_region
        )

    @cached_property
    def current(self) -> str:
        """The key's ARN: an alias may come to mean another key."""
        found = self._ask("describe_key", KeyId=self._config.kms_key)
        return str(found["KeyMetadata"]["Arn"])

    def wrap(self, data_key: bytes, bound_to: str) -> Wrapped:
        """Encrypt a data key; ``bound_to`` is the KMS's encryption context."""
        answer = self._ask(
            "encrypt",
            KeyId=self.current,
            Plaintext=data_key,
            EncryptionContext={"jarvis": bound_to},
        )
        return Wrapped(self.current, bytes(answer["CiphertextBlob"]))

    def unwrap(self, wrapped: Wrapped, bound_to: str) -> bytes:
        """Decrypt a data key by the key that wrapped it."""
        answer = self._ask(
            "decrypt",
            KeyId=wrapped.by,
            CiphertextBlob=wrapped.data,
            EncryptionContext={"jarvis": bound_to},
        )
        return bytes(answer["Plaintext"])

    def _ask(self, request: str, **arguments: Any) -> dict[str, Any]:
        import botocore.exceptions as faults

        of = arguments.get("EncryptionContext", {}).get("jarvis", "the storage service")
        key = arguments["KeyId"]
        try:
            answer: dict[str, Any] = getattr(self._client, request)(**arguments)
        except faults.ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", ""))
            if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
                raise DamagedError(
                    f"The data key of {of} is damaged: the KMS key {key} does not open it.",
                    "Restore it from a backup.",
                ) from None
            kind = (
                TransientError
                if "Throttl" in code or "Internal" in code or "Timeout" in code
                else PermanentError
            )
            raise kind(
                f"The KMS refused to {request.replace('_', ' ')} for {of} with {key} ({code}).",
                "Check the key's state and this account's permissions.",
            ) from None
        except (faults.NoCredentialsError, faults.NoRegionError) as error:
            raise ConfigError(
                f"The KMS cannot be asked ({type(error).__name__}).",
                "Set AWS credentials and storage.encryption.kms_region.",
            ) from None
        except faults.BotoCoreError as error:
            raise TransientError(
                f"The KMS cannot be reached for {of} ({type(error).__name__}).",
                "Check storage.encryption.kms_endpoint.",
            ) from None
        return answer


def _decoded(word: str) -> bytes:
    try:
        return base64.b64decode(word, validate=True)
    except (ValueError, binascii.Error):
        return b""


def _listed(keys: dict[str, bytes]) -> str:
    return ", ".join(keys)
