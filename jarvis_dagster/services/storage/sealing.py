"""Authenticated encryption of streams, by Google Tink.

Belongs here: one data key and what it seals. Does not belong here: where data
keys are kept (``data_keys.py``) and which key wraps them (``key_sources.py``).

Tink's AES256-GCM-HKDF streaming format numbers the segments and marks the last
one in their nonces, so what is cut short, reordered, repeated or taken from
another object does not open; the first segment starts with a random salt.
"""

from __future__ import annotations

import contextlib
import io
from functools import cache, cached_property
from typing import IO, TYPE_CHECKING, Any, cast

from jarvis_dagster.services.storage.faults import DamagedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Sealer", "new_data_key"]


def new_data_key() -> bytes:
    """A fresh random key for one object, as a serialized Tink keyset."""
    from tink import new_keyset_handle, proto_keyset_format, secret_key_access

    templates = _streaming().streaming_aead_key_templates
    handle = new_keyset_handle(templates.AES256_GCM_HKDF_1MB)
    return bytes(proto_keyset_format.serialize(handle, secret_key_access.TOKEN))


@cache
def _streaming() -> Any:
    from tink import streaming_aead

    streaming_aead.register()
    return streaming_aead


class Sealer:
    """Seals and opens with one data key.

    ``bound_to`` is authenticated with the content: it opens under the same
    words only.
    """

    def __init__(self, data_key: bytes) -> None:
        self._data_key = data_key

    @cached_property
    def _primitive(self) -> Any:
        from tink import proto_keyset_format, secret_key_access

        streaming = _streaming()
        handle = proto_keyset_format.parse(self._data_key, secret_key_access.TOKEN)
        return handle.primitive(streaming.StreamingAead)

    def check(self) -> None:
        """Parse the key; a broken one raises ``DamagedError``."""
        _ = self._primitive

    def writer(self, sink: IO[bytes], bound_to: bytes) -> IO[bytes]:
        """A stream whose content is sealed into ``sink``; complete only once closed."""
        return cast("IO[bytes]", _Sealing(self._primitive, sink, bound_to))

    def reader(self, source: Callable[[int], bytes], bound_to: bytes, what: str) -> _Opened:
        """A stream of what ``source`` (a read function) holds sealed."""
        return _Opened(self._primitive, source, bound_to, what)

    def seal(self, data: bytes, bound_to: bytes) -> bytes:
        """``data`` sealed; 56 bytes longer."""
        sink = io.BytesIO()
        with self.writer(sink, bound_to) as writer:
            writer.write(data)
        return sink.getvalue()

    def open(self, sealed: bytes, bound_to: bytes, what: str) -> bytes:
        """What :meth:`seal` was given.

        Raises:
            DamagedError: naming ``what``, if a bit of it is not as it was.
        """
        return self.reader(io.BytesIO(sealed).read, bound_to, what).read(-1)


class _Sealing(io.RawIOBase):
    """Seals what is written; an error of the sink, as of a full disk, stays what it is."""

    def __init__(self, primitive: Any, sink: IO[bytes], bound_to: bytes) -> None:
        self._sink = _KeptOpen(sink)
        self._stream = primitive.new_encrypting_stream(cast("IO[bytes]", self._sink), bound_to)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        with self._told():
            return int(self._stream.write(data))

    def close(self) -> None:
        if not self.closed:
            super().close()
            with self._told():
                self._stream.close()

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            if self._sink.error is not None:
                raise self._sink.error from None
            raise


class _KeptOpen(io.RawIOBase):
    """A sink that survives the closing of the stream above it; keeps the error of a write.

    Tink's C++ part would turn it into an error of its own.
    """

    def __init__(self, sink: IO[bytes]) -> None:
        self._sink = sink
        self.error: OSError | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        try:
            return self._sink.write(data)
        except OSError as error:
            self.error = error
            raise


class _Source(io.RawIOBase):
    """A read function as the stream that Tink wants; keeps the error of a failed read.

    Tink's C++ part would turn it into an error of its own, and an outage of the
    network would look like damage.
    """

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.error: Exception | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            return self._read(size)
        except Exception as error:
            self.error = error
            raise


class _Opened:
    """Reads a sealed stream; damage is an error that names the object, never a short read."""

    def __init__(
        self, primitive: Any, read: Callable[[int], bytes], bound_to: bytes, what: str
    ) -> None:
        self._source = _Source(read)
        self._what = what
        self._stream = primitive.new_decrypting_stream(self._source, bound_to)

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, all for -1; nothing means the proven end.

        Raises:
            DamagedError: the content was changed, cut short or belongs elsewhere.
        """
        import tink

        try:
            return bytes(self._stream.read(size))
        except tink.TinkError:
            if self._source.error is not None:
                raise self._source.error from None
            raise DamagedError(
                f"{self._what} is damaged: it does not open with its own data key.",
                "Restore it from a backup.",
            ) from None
