"""Permissions of Google Drive as those of Jarvis, and back.

Belongs here: values, comparing them, refusing what cannot be. Does not belong
here: requests (``sharing.py``).
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any, cast

from jarvis_dagster.errors import BadInputError, NotSupportedError
from jarvis_dagster.services.client_storage.drive import ROLES, Permission
from jarvis_dagster.services.client_storage.google.asking import has_forms
from jarvis_dagster.services.client_storage.google.faults import damaged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    from jarvis_dagster.services.client_storage.google.entries import Raw

__all__ = [
    "check_people",
    "check_role",
    "checked",
    "described",
    "expiry",
    "is_enough",
    "is_inherited",
    "of_same",
    "who",
]

_KINDS = {"user": "person", "group": "group", "domain": "domain", "anyone": "link"}
# A manager of a shared drive can do what an owner can.
_ROLE_OF = {"organizer": "owner", "fileOrganizer": "writer"}
_RANK = {role: rank for rank, role in enumerate((*ROLES, "owner"))}
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_NEEDED = {"id", "type", "role"}
_FORMS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys((*_NEEDED, "emailAddress", "domain", "expirationTime"), str),
    "permissionDetails": list,
}
_LONGEST = datetime.timedelta(days=365)


def checked(raw: Any, what: str) -> Raw:
    """An answer that is a permission, with the fields that Google describes.

    Raises:
        TransientError: it is not.
    """
    if not isinstance(raw, dict) or not set(raw) >= _NEEDED or not has_forms(raw, _FORMS):
        raise damaged(what)
    if not all(isinstance(detail, dict) for detail in raw.get("permissionDetails", [])):
        raise damaged(what)
    return raw


def described(raw: Raw, link: str, *, inherited: bool) -> Permission:
    """A ``Permission`` of the Drive API as one of Jarvis.

    Args:
        link: The address of the file, where anybody may open it.
    """
    try:
        role = _role(raw)
        kind = cast("Literal['person', 'group', 'domain', 'link']", _KINDS[raw["type"]])
        expires = raw.get("expirationTime")
        return Permission(
            id="" if inherited or role == "owner" else str(raw["id"]),
            kind=kind,
            who=who(raw),
            role=role,
            expires=datetime.datetime.fromisoformat(expires) if expires else None,
            link=link if kind == "link" else "",
            inherited=inherited,
        )
    except (KeyError, ValueError) as error:
        raise damaged("A permission cannot be read") from error


def who(raw: Raw) -> str:
    """An e-mail address or a domain; empty for a link."""
    return str(raw.get("emailAddress") or raw.get("domain") or "")


def _role(raw: Raw) -> str:
    role = str(raw["role"])
    return _ROLE_OF.get(role, role)


def _rank(raw: Raw) -> int:
    return _RANK.get(_role(raw), -1)


def is_inherited(raw: Raw, above: list[Raw]) -> bool:
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


def of_same(found: list[Raw], wanted: dict[str, Any]) -> Raw | None:
    """The permission of the same person, or the link."""
    address = str(wanted.get("emailAddress", "")).casefold()
    return next(
        (
            p
            for p in found
            if (p["type"] == "anyone") == (wanted["type"] == "anyone")
            and p["type"] in ("user", "group", "anyone")
            and str(p.get("emailAddress", "")).casefold() == address
        ),
        None,
    )


def is_enough(there: Raw, wanted: dict[str, Any], above: list[Raw]) -> bool:
    """Whether a permission is what is wanted, or cannot be less."""
    if is_inherited(there, above) and _rank(there) >= _RANK[wanted["role"]]:
        there["inherited"] = True
        return True
    if there["role"] == "owner":
        return True
    same_end = _time(there) == _time(wanted)
    return same_end and _rank(there) == _RANK[wanted["role"]]


def _time(raw: Raw) -> datetime.datetime | None:
    text = raw.get("expirationTime")
    return datetime.datetime.fromisoformat(text).replace(microsecond=0) if text else None


def check_people(people: Sequence[str]) -> None:
    """Refuse what is not an address."""
    for person in people:
        if not _ADDRESS.fullmatch(person):
            raise BadInputError(
                f"{person!r} is not an e-mail address.",
                "Share with an address such as coach@example.org.",
            )


def check_role(role: str) -> None:
    """Refuse what is not a role."""
    if role not in ROLES:
        raise BadInputError(f"{role!r} is not a role.", f"Use one of {', '.join(ROLES)}.")


def expiry(expires: datetime.datetime | None) -> dict[str, str]:
    """The end of an access as Google wants it; refuses what it would refuse."""
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
