"""How content is stored: as it is, or compressed and encrypted.

Belongs here: the description that is stored with the bytes, and the streams
between content and stored bytes. Does not belong here: requests, names, keys.

Content that is neither compressed nor encrypted is stored as it is, with its
hashes as the metadata ``sha256`` and ``xxh3``. All else has the metadata ``jarvis``: JSON
in base64 with ``v`` (1), ``info`` (size and hashes of the content, and whether
it is compressed) and, where it is encrypted, ``key``. There ``info`` is sealed
too, and all of it is bound to the object's key. Compression is a plain zstd
frame, encryption a plain Tink stream around it.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import io
import json
from typing import IO, TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.files import CHUNK_BYTES
from jarvis_dagster.services.storage.compression import zstd_reader, zstd_writer
from jarvis_dagster.services.storage.data_keys import unwrapped, wrapped_fields
from jarvis_dagster.services.storage.faults import DamagedError
from jarvis_dagster.services.storage.hashing import checksum
from jarvis_dagster.services.storage.sealing import Sealer, new_data_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jarvis_dagster.services.storage.data_keys import DataKeys
    from jarvis_dagster.services.storage.stored import StoredObject

__all__ = ["Content", "Encoded", "Encoder", "data_key_of", "is_encrypted", "wrapped_by"]

_FIELD = "jarvis"


@dataclasses.dataclass(frozen=True)
class Content:
    """What was given to the store; ``sha256`` is empty if Jarvis did not store it."""

    size: int
    sha256: str
    xxh3: str = ""
    compressed: bool = False


@dataclasses.dataclass(frozen=True)
class Encoded:
    """How one content is stored under one key."""

    content: Content
    metadata: Mapping[str, str]
    sealer: Sealer | None
    bound_to: bytes

    def write(self, source: IO[bytes], sink: IO[bytes]) -> str:
        """Write the content of ``source`` as stored bytes; returns its XXH3."""
        digest = checksum()
        sealed = self.sealer.writer(sink, self.bound_to) if self.sealer else None
        packed = zstd_writer(sealed or sink, self.content.size) if self.content.compressed else None
        into = packed or sealed or sink
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            into.write(chunk)
        for stream in (packed, sealed):
            if stream is not None:
                stream.close()
        return digest.hexdigest()

    def to_bytes(self, data: bytes) -> bytes:
        """A small content as stored bytes."""
        sink = io.BytesIO()
        self.write(io.BytesIO(data), sink)
        return sink.getvalue()


def is_encrypted(stored: StoredObject) -> bool:
    """Whether the stored bytes say that they are encrypted."""
    return "key" in _header(stored)


def data_key_of(stored: StoredObject) -> str:
    """The id of the data key object that an object needs; empty if it needs none."""
    return str(_header(stored).get("key", {}).get("id", ""))


def wrapped_by(stored: StoredObject) -> str:
    """The id of the key that wraps a document's own data key; empty if it has none."""
    return str(_header(stored).get("key", {}).get("by", ""))


class Encoder:
    """Describes, writes and reads stored content; encrypts where there is a key."""

    def __init__(self, keys: DataKeys) -> None:
        self._keys = keys

    @property
    def encrypts(self) -> bool:
        """Whether new content is encrypted."""
        return self._keys.source is not None

    def plan(self, bucket: str, key: str, content: Content) -> Encoded:
        """How to store a file's content under ``key``; makes its data key."""
        if not self.encrypts:
            return Encoded(content, _described(content), None, b"")
        number, sealer = self._keys.create(bucket, key)
        return _sealed(content, key, sealer, {"id": number})

    def plan_document(self, key: str, content: Content) -> Encoded:
        """The same for a small document, whose wrapped data key goes with it."""
        if self._keys.source is None:
            return Encoded(content, _described(content), None, b"")
        data_key = new_data_key()
        fields = wrapped_fields(self._keys.source, data_key, f"object {key}")
        return _sealed(content, key, Sealer(data_key), fields)

    def content(self, stored: StoredObject) -> Content:
        """What a stored object holds, without reading its bytes.

        Raises:
            PermanentError: the key that it is encrypted with is not here.
            DamagedError: its description was changed.
        """
        return self._open(stored).content

    def reader(
        self, stored: StoredObject, read: Callable[[int], bytes]
    ) -> tuple[Content, Callable[[int], bytes]]:
        """The content and a read function for it; ``read`` gives the stored bytes.

        Whoever reads must compare size and hash with the content at the end.
        """
        encoded = self._open(stored)
        if encoded.sealer is not None:
            read = encoded.sealer.reader(read, encoded.bound_to, stored.url).read
        if encoded.content.compressed:
            read = _translated(zstd_reader(read, encoded.content.size), stored.url)
        return encoded.content, read

    def _open(self, stored: StoredObject) -> Encoded:
        header, key = _header(stored), stored.key
        if not header:
            sha256, xxh3 = (stored.metadata.get(name, "") for name in ("sha256", "xxh3"))
            plain = Content(stored.size, sha256, xxh3)
            return Encoded(plain, stored.metadata, None, b"")
        try:
            if "key" not in header:
                return Encoded(_content(header["info"]), stored.metadata, None, b"")
            fields = header["key"]
            if "id" in fields:
                sealer = self._keys.find(stored.bucket, key, str(fields["id"]))
            else:
                sealer = Sealer(unwrapped(self._keys.source, fields, f"object {key}"))
            sealed = base64.b64decode(header["info"], validate=True)
            info = json.loads(sealer.open(sealed, _bound("info", key), stored.url))
            return Encoded(_content(info), stored.metadata, sealer, _bound("content", key))
        except (KeyError, TypeError, ValueError, binascii.Error):
            raise _unreadable(stored.url) from None


def _sealed(content: Content, key: str, sealer: Sealer, key_fields: dict[str, Any]) -> Encoded:
    info = sealer.seal(json.dumps(_info(content)).encode(), _bound("info", key))
    header = {"v": 1, "key": key_fields, "info": base64.b64encode(info).decode()}
    return Encoded(content, _packed(header), sealer, _bound("content", key))


def _described(content: Content) -> dict[str, str]:
    if not content.compressed:
        return {"sha256": content.sha256, "xxh3": content.xxh3}
    return _packed({"v": 1, "info": _info(content)})


def _packed(header: dict[str, Any]) -> dict[str, str]:
    return {_FIELD: base64.b64encode(json.dumps(header).encode()).decode()}


def _info(content: Content) -> dict[str, Any]:
    return {
        "size": content.size,
        "sha256": content.sha256,
        "xxh3": content.xxh3,
        "zstd": content.compressed,
    }


def _content(info: dict[str, Any]) -> Content:
    hashes = (str(info["sha256"]), str(info["xxh3"]))
    return Content(int(info["size"]), *hashes, bool(info["zstd"]))


def _bound(role: str, key: str) -> bytes:
    return f"jarvis 1 {role}\0{key}".encode()


def _header(stored: StoredObject) -> dict[str, Any]:
    packed = stored.metadata.get(_FIELD)
    if packed is None:
        return {}
    try:
        header: dict[str, Any] = json.loads(base64.b64decode(packed, validate=True))
        version = header["v"]
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise _unreadable(stored.url) from None
    if version != 1:
        raise PermanentError(
            f"{stored.url} is stored in format {version}, which this version cannot read.",
            "Install a newer version of Jarvis.",
        )
    return header


def _unreadable(url: str) -> DamagedError:
    return DamagedError(
        f"The description of {url} is damaged (its metadata `{_FIELD}`).",
        "Restore it from a backup.",
    )


def _translated(read: Callable[[int], bytes], url: str) -> Callable[[int], bytes]:
    import zstandard

    def take(count: int) -> bytes:
        try:
            return read(count)
        except zstandard.ZstdError:
            raise DamagedError(
                f"{url} is damaged: it is not one zstd frame.", "Restore it from a backup."
            ) from None

    return take
