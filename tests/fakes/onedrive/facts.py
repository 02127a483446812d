"""Entries as Graph tells them.

Belongs here: ``driveItem`` JSON, with what differs between kinds of drives
(https://learn.microsoft.com/graph/api/resources/driveitem). Does not belong
here: calls.
"""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from tests.fakes.onedrive.world import DriveState, Entry

__all__ = ["c_tag", "delta_item", "drive_item", "e_tag"]


def e_tag(drive: DriveState, entry: Entry) -> str:
    """Of everything."""
    if drive.kind == "personal":
        return f"a{entry.guid.replace('-', '')}.{entry.e_tag}"
    return f'"{{{entry.guid}}},{entry.e_tag}"'


def c_tag(drive: DriveState, entry: Entry) -> str:
    """Of the content."""
    if drive.kind == "personal":
        return f"aYzp{entry.guid.replace('-', '')}.{entry.c_tag}"
    return f'"c:{{{entry.guid}}},{entry.c_tag}"'


def drive_item(drive: DriveState, entry: Entry, download_url: str = "") -> dict[str, Any]:
    """As asked for by id, by path or by its folder."""
    world = drive.world
    when = world.time(entry.sequence)
    told: dict[str, Any] = {
        "id": entry.id,
        "name": entry.name,
        "eTag": e_tag(drive, entry),
        "size": len(entry.content),
        "createdDateTime": world.time(0),
        "lastModifiedDateTime": when,
        "fileSystemInfo": {
            "createdDateTime": world.time(0),
            "lastModifiedDateTime": world.time(entry.written),
        },
        "webUrl": f"https://onedrive.example/{quote(entry.id)}",
        "parentReference": _reference(drive, entry),
    }
    if entry is drive.root:
        told["root"] = {}
    if entry.remote:
        told["remoteItem"] = _remote(drive, entry.remote)
        return told
    if entry.folder:
        facet = {"childCount": len(drive.children(entry.id))}
        told["package" if entry.package else "folder"] = (
            {"type": "oneNote"} if entry.package else facet
        )
        if drive.kind == "personal":
            told["cTag"] = f"{c_tag(drive, entry)}.{entry.sequence}"
        return told
    told["cTag"] = c_tag(drive, entry)
    hashes = {"quickXorHash": entry.quick_xor}
    if entry.sha256:
        hashes["sha256Hash"] = entry.sha256.upper()
    media_type = mimetypes.guess_type(entry.name)[0] or "application/octet-stream"
    told["file"] = {"mimeType": media_type, "hashes": {k: v for k, v in hashes.items() if v}}
    if entry.malware:
        told["malware"] = {}
    elif download_url:
        told["@microsoft.graph.downloadUrl"] = download_url
    return told


def delta_item(drive: DriveState, entry: Entry) -> dict[str, Any]:
    """As the feed of changes tells it.

    https://learn.microsoft.com/graph/api/driveitem-delta#remarks: no path, for
    business no cTag, and of what is deleted no name either.
    """
    told = drive_item(drive, entry)
    told["parentReference"].pop("path", None)
    if drive.kind == "business":
        told.pop("cTag", None)
    if drive.is_gone(entry):
        told["deleted"] = {"state": "deleted"}
        told.pop("cTag", None)
        told.pop("name" if drive.kind == "business" else "size", None)
    return told


def _reference(drive: DriveState, entry: Entry) -> dict[str, Any]:
    kind = drive.kind
    told: dict[str, Any] = {"driveId": drive.id, "driveType": kind}
    if entry.parent is None:
        return told
    above = list(reversed(drive.above(entry)))
    path = "".join(f"/{folder.name}" for folder in above[1:])
    told["id"] = entry.parent
    if kind == "personal":  # percent-encoded, which business only says of itself
        told["path"] = f"/drive/root:{quote(path)}"
    else:
        told["path"] = f"/drives/{drive.id}/root:{path}"
    return told


def _remote(drive: DriveState, remote: tuple[str, str]) -> dict[str, Any]:
    other = drive.world.drives[remote[0]]
    entry = other.entries[remote[1]]
    told = drive_item(other, entry)
    kept = ("id", "name", "size", "folder", "package", "fileSystemInfo", "lastModifiedDateTime")
    facet = {key: told[key] for key in kept if key in told}
    if "file" in told:
        facet["file"] = {"mimeType": told["file"]["mimeType"]}
    facet["parentReference"] = {"driveId": other.id, "driveType": other.kind}
    return facet
