"""Who may see what in a Google Drive.

Belongs here: permissions, given, changed, taken back and listed. Does not
belong here: policies about who may be given what.

Of two edits of one file's permissions at the same time Google keeps one: the
edits of a drive are made one after the other.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, JarvisError, NotSupportedError, PermanentError
from jarvis_dagster.services.client_storage.google.entries import checked_id, parent_of
from jarvis_dagster.services.client_storage.google.faults import damaged, status_of
from jarvis_dagster.services.client_storage.google.permissions import (
    check_people,
    check_role,
    checked,
    described,
    expiry,
    is_enough,
    is_inherited,
    of_same,
    who,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from jarvis_dagster.services.client_storage.drive import Permission
    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.entries import Raw
    from jarvis_dagster.services.client_storage.google.look import Look

__all__ = ["Sharing"]

_FIELDS = (
    "id,type,role,emailAddress,domain,expirationTime,deleted,view,"
    "permissionDetails(inherited,permissionType,role)"
)


class Sharing:
    """The permissions of one drive's files."""

    def __init__(self, api: GoogleApi) -> None:
        self._api = api
        self._lock = threading.Lock()

    def permissions(self, look: Look, file_id: str) -> list[Permission]:
        """See :meth:`Drive.permissions`."""
        raw = _shared(look, file_id)
        found = self._list(str(raw["id"]))
        above = self._above(raw, found)
        link = self._link(raw) if any(p.get("type") == "anyone" for p in found) else ""
        return [described(p, link, inherited=is_inherited(p, above)) for p in found]

    def share(
        self,
        look: Look,
        file_id: str,
        people: Sequence[str],
        role: str,
        expires: datetime.datetime | None,
    ) -> list[Permission]:
        """See :meth:`Drive.share`."""
        check_role(role)
        check_people(people)
        wanted = {"role": role, **expiry(expires)}
        raw = _own(look, file_id)
        with self._lock:
            return [
                self._give(raw, {"type": "user", "emailAddress": person, **wanted})
                for person in people
            ]

    def share_link(
        self, look: Look, file_id: str, role: str, expires: datetime.datetime | None
    ) -> Permission:
        """See :meth:`Drive.share_link`."""
        check_role(role)
        if expires is not None:
            raise NotSupportedError(
                "Links of Google Drive do not end by themselves.",
                "Take the link back by hand, or share with people.",
            )
        raw = _own(look, file_id)
        with self._lock:
            return self._give(raw, {"type": "anyone", "role": role, "allowFileDiscovery": False})

    def unshare(self, look: Look, file_id: str, permission_id: str) -> None:
        """See :meth:`Drive.unshare`."""
        raw = _own(look, file_id)
        checked_id(permission_id)
        with self._lock:
            found = self._list(str(raw["id"]))
            taken = next((p for p in found if p["id"] == permission_id), None)
            if taken is None:
                return
            if taken["role"] == "owner" or is_inherited(taken, self._above(raw, found)):
                raise PermanentError(
                    f"The permission of {who(taken) or 'the link'} cannot be taken back here.",
                    "It is the owner's, or comes from a folder above: take it back there.",
                )
            try:
                self._api.call(
                    "The permission cannot be taken back",
                    lambda drive: drive.permissions().delete(
                        fileId=raw["id"], permissionId=permission_id, supportsAllDrives=True
                    ),
                    object,  # there is none
                )
            except BadInputError:
                return  # gone meanwhile

    def _give(self, raw: Raw, wanted: dict[str, Any]) -> Permission:
        """Make a permission what it is to be.

        Each attempt looks at what there is, so that one whose answer was lost
        does nothing twice.
        """
        given = self._api.run(lambda: self._try_to_give(raw, wanted))
        link = self._link(raw) if wanted["type"] == "anyone" else ""
        permission = described(given, link, inherited=bool(given.get("inherited")))
        if "expirationTime" in wanted and permission.expires is None and permission.id:
            self._api.call(
                "The permission cannot be taken back",
                lambda drive: drive.permissions().delete(
                    fileId=raw["id"], permissionId=given["id"], supportsAllDrives=True
                ),
                object,
            )
            raise NotSupportedError(
                f"Google gives no access to {raw.get('name')} that ends by itself.",
                "Share it without an end.",
            )
        return permission

    def _try_to_give(self, raw: Raw, wanted: dict[str, Any]) -> Raw:
        file_id, what = str(raw["id"]), f"{raw.get('name')} cannot be shared"
        found = self._list(file_id, once=True)
        there = of_same(found, wanted)
        above = self._above(raw, found, once=True) if there is not None else []
        if there is not None and is_enough(there, wanted, above):
            return there
        if there is not None and not is_inherited(there, above):
            permission_id = there["id"]
            body = {key: wanted[key] for key in ("role", "expirationTime") if key in wanted}
            endless = "expirationTime" in there and "expirationTime" not in wanted
            changed = self._api.once(
                what,
                lambda drive: drive.permissions().update(
                    fileId=file_id,
                    permissionId=permission_id,
                    body=body,
                    supportsAllDrives=True,
                    fields=_FIELDS,
                    **({"removeExpiration": True} if endless else {}),
                ),
            )
            return checked(changed, what)
        quiet = {"sendNotificationEmail": False} if wanted["type"] == "user" else {}
        try:
            made = self._api.once(
                what,
                lambda drive: drive.permissions().create(
                    fileId=file_id, body=wanted, supportsAllDrives=True, fields=_FIELDS, **quiet
                ),
            )
        except PermanentError as error:
            # It may be shared though the person was not told.
            found = self._list(file_id, once=True) if status_of(error) == 400 else []
            there = of_same(found, wanted)
            if there is None or there["role"] != wanted["role"]:
                raise
            return there
        return checked(made, what)

    def _above(self, raw: Raw, found: list[Raw], *, once: bool = False) -> list[Raw]:
        """The permissions of the folder above; where Google says itself, they are not needed."""
        parent = parent_of(raw)
        if not parent or all(p.get("permissionDetails") for p in found):
            return []
        try:
            return self._list(parent, once=once)
        except JarvisError as error:
            if status_of(error) in (403, 404):
                return []  # a folder that this account may not look into
            raise

    def _list(self, file_id: str, *, once: bool = False) -> list[Raw]:
        """All permissions; ``once`` inside of an attempt, which is tried again as a whole."""
        found: list[Raw] = []
        token: str | None = None
        what = "The permissions cannot be listed"
        while True:
            answer = (self._api.once if once else self._api.call)(
                what,
                lambda drive: drive.permissions().list(
                    fileId=file_id,
                    pageSize=100,
                    supportsAllDrives=True,
                    fields=f"nextPageToken,permissions({_FIELDS})",
                    **({"pageToken": token} if token else {}),  # noqa: B023  called at once
                ),
            )
            page = answer.get("permissions")
            if not isinstance(page, list):
                raise damaged(what)
            given = [checked(permission, what) for permission in page]
            found += [p for p in given if not p.get("deleted") and not p.get("view")]
            token = answer.get("nextPageToken")
            if not token:
                return found

    def _link(self, raw: Raw) -> str:
        answer = self._api.call(
            "The link cannot be looked up",
            lambda drive: drive.files().get(
                fileId=raw["id"], fields="webViewLink", supportsAllDrives=True
            ),
        )
        return str(answer.get("webViewLink") or f"https://drive.google.com/open?id={raw['id']}")


def _shared(look: Look, file_id: str) -> Raw:
    """The entry whose permissions count: what a shortcut points to."""
    content = look.content(look.existing(file_id))
    if content is None:
        raise BadInputError(f"{file_id} is a shortcut to what is gone.", "Remove it.")
    return content


def _own(look: Look, file_id: str) -> Raw:
    """The same, where its permissions may be changed."""
    raw = _shared(look, file_id)
    if look.place(parent_of(raw)) is None:
        raise NotSupportedError(
            f"{raw.get('name')} is outside of the drive; there is only a shortcut to it here.",
            "Share it where it is, or copy it here.",
        )
    return raw
