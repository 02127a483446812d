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
        length = stream.seek(0, os.SEEK_END) - start
        stream.seek(start)
        self._size = len(head) + length + len(tail)
        # What is added to the file from now on is not sent: the size is promised.
        self._parts = [
            (io.BytesIO(head), len(head)),
            (stream, length),
            (io.BytesIO(tail), len(tail)),
        ]

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """The next bytes; empty at the end."""
        while self._parts:
            stream, left = self._parts.pop(0)
            if piece := stream.read(left if size < 0 else min(size, left)):
                self._parts.insert(0, (stream, left - len(piece)))
                return piece
        return b""
