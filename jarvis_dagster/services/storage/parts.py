"""The requests for uploads in parts.

Belongs here: one method a request of S3's multipart uploads, which the MinIO
client has for itself only. Does not belong here: which parts are sent, resumed
and verified (``uploads.py``).
"""

from __future__ import annotations

import dataclasses
import urllib.parse
import xml.etree.ElementTree as ET
from datetime import datetime
from typing import TYPE_CHECKING

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.storage.connection import crc32c
from jarvis_dagster.services.storage.faults import MISSING
from jarvis_dagster.services.storage.stored import meta_headers, unquoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jarvis_dagster.services.storage.wire import Wire

__all__ = ["Part", "PartRequests", "UnfinishedUpload"]

_HEAD_BYTES = 1000


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of an upload that the server holds.

    ``version`` is its ETag; ``checksum`` its CRC-32C, once it was read here.
    """

    number: int
    version: str
    size: int
    checksum: str = ""


@dataclasses.dataclass(frozen=True)
class UnfinishedUpload:
    """An upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    started: datetime


class PartRequests:
    """Requests for uploads in parts; one attempt each."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def create(self, bucket: str, key: str, media_type: str, metadata: Mapping[str, str]) -> str:
        """Begin an upload in parts; returns its id."""
        import minio

        headers, query = {"Content-Type": media_type, **meta_headers(metadata)}, {"uploads": ""}
        checked = {"x-amz-checksum-algorithm": "CRC32C"} if self._wire.knows_checksums else {}
        try:
            response = self._wire.request(
                "POST", bucket, key, headers={**headers, **checked}, query=query
            )
        except minio.S3Error as error:
            if not checked or not self._wire.learns_from(error):
                raise
            return self.create(bucket, key, media_type, metadata)
        return _texts(ET.fromstring(response.data), "UploadId")[0]  # noqa: S314 - our server

    def put(self, bucket: str, key: str, upload_id: str, number: int, data: bytes) -> Part:
        """Send one part, which the server checks."""
        query = {"partNumber": str(number), "uploadId": upload_id}
        checksum = crc32c(data)
        response = self._wire.send(bucket, key, data, query=query, checksum=checksum)
        return Part(number, unquoted(response.headers.get("etag")), len(data), checksum)

    def listed(self, bucket: str, key: str, upload_id: str) -> dict[int, Part] | None:
        """The parts of an upload that the server has; None where there is no such upload."""
        import minio

        listed: dict[int, set[Part]] = {}
        marker = "0"
        while True:
            query = {"uploadId": upload_id, "max-parts": "1000", "part-number-marker": marker}
            try:
                response = self._wire.request("GET", bucket, key, query=query)
            except minio.S3Error as error:
                if error.code in MISSING:
                    return None
                raise
            root = ET.fromstring(response.data)  # noqa: S314 - our server
            for item in _children(root, "Part"):
                part = Part(
                    int(_texts(item, "PartNumber")[0]),
                    unquoted(_texts(item, "ETag")[0]),
                    int(_texts(item, "Size")[0]),
                )
                listed.setdefault(part.number, set()).add(part)
            marker = (_texts(root, "NextPartNumberMarker") or [""])[0]
            if _texts(root, "IsTruncated") != ["true"] or not marker:
                # SeaweedFS lists a part that was sent twice twice, in no order: not to be trusted.
                return {number: part for number, (part, *others) in listed.items() if not others}

    def complete(self, bucket: str, key: str, upload_id: str, parts: list[Part]) -> None:
        """Make the parts one object; until then there is nothing to see.

        Raises:
            TransientError: the server took the request, and said later that it failed.
        """
        root = ET.Element("CompleteMultipartUpload")
        for part in parts:
            item = ET.SubElement(root, "Part")
            ET.SubElement(item, "PartNumber").text = str(part.number)
            ET.SubElement(item, "ETag").text = f'"{part.version}"'
            if self._wire.knows_checksums:
                ET.SubElement(item, "ChecksumCRC32C").text = part.checksum
        response = self._wire.request(
            "POST",
            bucket,
            key,
            body=ET.tostring(root),
            headers={"Content-Type": "application/xml"},
            query={"uploadId": upload_id},
        )
        # S3 may answer 200 before it knows, and tell of a failure in the body.
        if b"<Error>" in response.data[:_HEAD_BYTES]:
            raise TransientError(f"s3://{bucket}/{key} could not be put together.", "Try again.")

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """Forget an upload and free its parts; one that is gone is fine."""
        import minio

        try:
            self._wire.request("DELETE", bucket, key, query={"uploadId": upload_id})
        except minio.S3Error as error:
            if error.code not in MISSING:
                raise

    def unfinished(self, bucket: str) -> Iterator[UnfinishedUpload]:
        """The unfinished uploads of a bucket."""
        markers = {"key-marker": "", "upload-id-marker": ""}
        while True:
            query = {"uploads": "", "max-uploads": "1000", "encoding-type": "url", **markers}
            root = ET.fromstring(  # noqa: S314 - our server
                self._wire.request("GET", bucket, query=query).data
            )
            encoded = _texts(root, "EncodingType") == ["url"]
            for item in _children(root, "Upload"):
                key = _texts(item, "Key")[0]
                yield UnfinishedUpload(
                    urllib.parse.unquote_plus(key) if encoded else key,
                    _texts(item, "UploadId")[0],
                    datetime.fromisoformat(_texts(item, "Initiated")[0]),
                )
            if _texts(root, "IsTruncated") != ["true"]:
                return
            markers = {
                "key-marker": (_texts(root, "NextKeyMarker") or [""])[0],
                "upload-id-marker": (_texts(root, "NextUploadIdMarker") or [""])[0],
            }


def _children(element: ET.Element, name: str) -> list[ET.Element]:
    return [child for child in element if child.tag.rpartition("}")[2] == name]


def _texts(element: ET.Element, name: str) -> list[str]:
    return [child.text or "" for child in _children(element, name)]
