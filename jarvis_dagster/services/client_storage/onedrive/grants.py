"""What Microsoft Graph tells of a permission, and what Jarvis makes of it.

Belongs here: ``permission`` as ``Permission``
(https://learn.microsoft.com/graph/api/resources/permission). Does not belong
here: requests.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from jarvis_dagster.services.client_storage.drive import Permission

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Raw", "end_of", "to_permissions"]

Raw: TypeAlias = dict[str, Any]
"""A ``permission`` as the service tells it."""

_ROLES = {"read": "reader", "write": "writer", "owner": "owner", "sp.full control": "owner"}
_NEVER = 1
"""The year that stands for no end."""


def to_permissions(raw: Raw, *, inherited: bool) -> list[Permission]:
    """Everybody who has it: a link for certain people is one permission for each of them."""
    told = {str(name).lower() for name in raw.get("roles") or ()}
    known = {_ROLES[name] for name in told if name in _ROLES}
    role = next((name for name in ("owner", "writer", "reader") if name in known), "reader")
    own = "" if inherited or role == "owner" else str(raw.get("id") or "")
    link = raw.get("link") or {}
    url, scope = str(link.get("webUrl") or ""), str(link.get("scope") or "anonymous")
    if scope == "existingAccess":
        return []  # gives nobody anything

    def made(kind: Literal["person", "group", "domain", "link"], who: str) -> Permission:
        return Permission(own, kind, who, role, end_of(raw), url, inherited)

    people = [made(kind, who) for kind, who in _holders(raw)]
    if link and scope == "organization":
        return [made("domain", "")]
    if link and (scope == "anonymous" or not people):
        return [made("link", "")]
    return people


def end_of(raw: Raw) -> datetime.datetime | None:
    """When it ends by itself; None is never."""
    text = raw.get("expirationDateTime")
    if not isinstance(text, str) or not text:
        return None
    try:
        when = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if when.year == _NEVER:
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=datetime.UTC)


def _holders(raw: Raw) -> Iterator[tuple[Literal["person", "group"], str]]:
    """The people and groups that have it, by address where that is told."""
    invited = str((raw.get("invitation") or {}).get("email") or "")
    many = raw.get("grantedToIdentitiesV2") or raw.get("grantedToIdentities") or []
    one = raw.get("grantedToV2") or raw.get("grantedTo")
    sets = [identity for identity in [*many, one] if isinstance(identity, dict)]
    if invited and len(sets) <= 1:
        yield "person", invited
        return
    for identities in sets:
        for facet, kind in (("user", "person"), ("siteUser", "person"), ("group", "group")):
            identity = identities.get(facet) or {}
            names = (identity.get(key) for key in ("email", "userPrincipalName", "displayName"))
            who = next((str(name) for name in names if name), "")
            if who:
                yield "group" if kind == "group" else "person", who
                break
