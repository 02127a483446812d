"""Who may see what in a Google Drive.

Belongs here: permissions, given, changed, taken back and listed. Does not
belong here: policies about who may be given what.

Of two edits of one file's permissions at the same time Google keeps one: the
edits of a drive are made one after the other.
"""

from __future__ import annotations

import datetime
import re
import threading
from typing import TYPE_CHECKING, Any, cast

from jarvis_dagster.errors import BadInputError, JarvisError, NotSupportedError, PermanentError
from jarvis_dagster.services.client_storage.drive import ROLES, Permission
from jarvis_dagster.services.client_storage.google.entries import checked_id, parent_of
from jarvis_dagster.services.client_storage.google.faults import damaged, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from jarvis_dagster.services.client_storage.google.api import GoogleApi
    from jarvis_dagster.services.client_storage.google.entries import Raw
    from jarvis_dagster.services.client_storage.google.look import Look

__all__ = ["Sharing"]

_FIELDS = (
    "id,type,role,emailAddress,domain,expirationTime,deleted,view,"
    "permissionDetails(inherited,permissionType,role)"
)
_KINDS = {"user": "person", "group": "group", "domain": "domain", "anyone": "link"}
# A manager of a shared drive can do what an owner can.
_ROLE_OF = {"organizer": "owner", "fileOrganizer": "writer"}
_RANK = {role: rank for rank, role in enumerate((*ROLES, "owner"))}
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_LONGEST = datetime.timedelta(days=365)


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
        return [_permission(p, link, inherited=_is_inherited(p, above)) for p in found]

    def share(
        self,
        look: Look,
        file_id: str,
        people: Sequence[str],
        role: str,
        expires: datetime.datetime | None,
    ) -> list[Permission]:
        """See :meth:`Drive.share`."""
        _check_role(role)
        for person in people:
            if not _ADDRESS.fullmatch(person):
                raise BadInputError(f"{person!r} is not an e-mail address.")
        wanted = {"role": role, **_expiry(expires)}
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
        _check_role(role)
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
            if taken["role"] == "owner" or _is_inherited(taken, self._above(raw, found)):
                raise PermanentError(
                    f"The permission of {_who(taken) or 'the link'} cannot be taken back here.",
                    "It is the owner's, or comes from a folder above: take it back there.",
                )
            try:
                self._api.call(
                    "The permission cannot be taken back",
                    lambda drive: drive.permissions().delete(
                        fileId=raw["id"], permissionId=permission_id, supportsAllDrives=True
                    ),
                )
            except BadInputError:
                return  # gone meanwhile

    def _give(self, raw: Raw, wanted: dict[str, Any]) -> Permission:
        """Make a permission what it is to be; may be tried again at any point."""
        given = self._api.run(lambda: self._try_to_give(raw, wanted))
        link = self._link(raw) if wanted["type"] == "anyone" else ""
        permission = _permission(given, link, inherited=bool(given.get("inherited")))
        if "expirationTime" in wanted and permission.expires is None and permission.id:
            self._api.call(
                "The permission cannot be taken back",
                lambda drive: drive.permissions().delete(
                    fileId=raw["id"], permissionId=given["id"], supportsAllDrives=True
                ),
            )
            raise NotSupportedError(
                f"Google gives no access to {raw.get('name')} that ends by itself.",
                "Share it without an end.",
            )
        return permission

    def _try_to_give(self, raw: Raw, wanted: dict[str, Any]) -> Raw:
        file_id, what = str(raw["id"]), f"{raw.get('name')} cannot be shared"
        found = self._list(file_id, once=True)
        there = _of_same(found, wanted)
        above = self._above(raw, found) if there is not None else []
        if there is not None and _is_enough(there, wanted, above):
            return there
        if there is not None and not _is_inherited(there, above):
            permission_id = there["id"]
            body = {key: wanted[key] for key in ("role", "expirationTime") if key in wanted}
            endless = "expirationTime" in there and "expirationTime" not in wanted
            changed: Raw = self._api.once(
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
            return changed
        quiet = {"sendNotificationEmail": False} if wanted["type"] == "user" else {}
        try:
            made: Raw = self._api.once(
                what,
                lambda drive: drive.permissions().create(
                    fileId=file_id, body=wanted, supportsAllDrives=True, fields=_FIELDS, **quiet
                ),
            )
        except PermanentError as error:
            # It may be shared though the person was not told.
            there = _of_same(self._list(file_id), wanted) if status_of(error) == 400 else None
            if there is None or there["role"] != wanted["role"]:
                raise
            return there
        return made

    def _above(self, raw: Raw, found: list[Raw]) -> list[Raw]:
        """The permissions of the folder above; where Google says itself, they are not needed."""
        parent = parent_of(raw)
        if not parent or all(p.get("permissionDetails") for p in found):
            return []
        try:
            return self._list(parent)
        except JarvisError as error:
            if status_of(error) in (403, 404):
                return []  # a folder that this account may not look into
            raise

    def _list(self, file_id: str, *, once: bool = False) -> list[Raw]:
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
            if "permissions" not in answer:
                raise damaged(what)
            found += [
                p for p in answer["permissions"] if not p.get("deleted") and not p.get("view")
            ]
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


def _permission(raw: Raw, link: str, *, inherited: bool) -> Permission:
    try:
        role = _role(raw)
        kind = cast("Literal['person', 'group', 'domain', 'link']", _KINDS[raw["type"]])
        expires = raw.get("expirationTime")
        return Permission(
            id="" if inherited or role == "owner" else str(raw["id"]),
            kind=kind,
            who=_who(raw),
            role=role,
            expires=datetime.datetime.fromisoformat(expires) if expires else None,
            link=link if kind == "link" else "",
            inherited=inherited,
        )
    except (KeyError, ValueError) as error:
        raise damaged("A permission cannot be read") from error


def _who(raw: Raw) -> str:
    return str(raw.get("emailAddress") or raw.get("domain") or "")


def _role(raw: Raw) -> str:
    role = str(raw["role"])
    return _ROLE_OF.get(role, role)


def _rank(raw: Raw) -> int:
    return _RANK.get(_role(raw), -1)


def _is_inherited(raw: Raw, above: list[Raw]) -> bool:
    """Whether it comes from a folder above, as far as Google lets one know.

    In My Drive a permission has one id everywhere; what was given anew below a
    folder that has it too cannot be told from what comes from there.
    """
    if raw["role"] == "owner":
        return False
    details = raw.get("permissionDetails")
    if details:
        return all(detail.get("inherited") for detail in details)
    return any(p["id"] == raw["id"] and p["role"] == raw["role"] for p in above)


def _of_same(found: list[Raw], wanted: dict[str, Any]) -> Raw | None:
    who = str(wanted.get("emailAddress", "")).casefold()
    return next(
        (
            p
            for p in found
            if (p["type"] == "anyone") == (wanted["type"] == "anyone")
            and p["type"] in ("user", "group", "anyone")
            and str(p.get("emailAddress", "")).casefold() == who
        ),
        None,
    )


def _is_enough(there: Raw, wanted: dict[str, Any], above: list[Raw]) -> bool:
    """Whether a permission is what is wanted, or cannot be less."""
    if _is_inherited(there, above) and _rank(there) >= _RANK[wanted["role"]]:
        there["inherited"] = True
        return True
    if there["role"] == "owner":
        return True
    same_end = _time(there) == _time(wanted)
    return same_end and _rank(there) == _RANK[wanted["role"]]


def _time(raw: Raw) -> datetime.datetime | None:
    text = raw.get("expirationTime")
    return datetime.datetime.fromisoformat(text).replace(microsecond=0) if text else None


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise BadInputError(f"{role!r} is not a role.", f"Use one of {', '.join(ROLES)}.")


def _expiry(expires: datetime.datetime | None) -> dict[str, str]:
    if expires is None:
        return {}
    if expires.tzinfo is None:
        raise BadInputError("The end of the access has no time zone.", "Give it one.")
    left = expires - datetime.datetime.now(datetime.UTC)
    if left <= datetime.timedelta():
        raise BadInputError("The end of the access is in the past.", "Name a time to come.")
    if left > _LONGEST:
        raise NotSupportedError(
            "Google gives no access that ends by itself after more than a year.",
            "Name an earlier end, or none.",
        )
    text = expires.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
    return {"expirationTime": text.replace("+00:00", "Z")}
