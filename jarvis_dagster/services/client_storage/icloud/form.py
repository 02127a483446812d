"""A file as a form, read while it is sent.

Belongs here: the bytes of a multipart form with one file. Does not belong
here: requests. ``requests`` itself would read the file into memory.
"""

from __future__ import annotations

import io
import os
import secrets
from typing import IO

__all__ = ["FileForm"]


class FileForm:
    """What ``requests`` sends for ``files={name: stream}``, piece by piece."""

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        from urllib3.fields import RequestField

        boundary = secrets.token_hex(16)
        field = RequestField(name=name, data=b"", filename=name)
        field.make_multipart()
        self.content_type = f"multipart/form-data; boundary={boundary}"
        head = f"--{boundary}\r\n{field.render_headers()}".encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        start = stream.tell()
        self._size = stream.seek(0, os.SEEK_END) - start + len(head) + len(tail)
        stream.seek(start)
        self._parts: list[IO[bytes]] = [io.BytesIO(head), stream, io.BytesIO(tail)]

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        while self._parts:
            if piece := self._parts[0].read(size):
                return piece
            self._parts.pop(0)
        return b""
