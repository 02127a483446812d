"""Who sees a file or folder of OneDrive.

Belongs here: invitations, links, permissions
(https://learn.microsoft.com/graph/api/resources/permission). Does not belong
here: files.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.drive import ROLES, Permission
from jarvis_dagster.services.client_storage.onedrive.faults import (
    ForbiddenError,
    MalformedError,
    NotFoundError,
)
from jarvis_dagster.services.client_storage.onedrive.grants import Raw, end_of, to_permissions
from jarvis_dagster.services.client_storage.onedrive.items import Ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.services.client_storage.onedrive.graph import Graph
    from jarvis_dagster.services.client_storage.onedrive.items import Item
    from jarvis_dagster.services.client_storage.onedrive.tree import Tree

__all__ = ["Sharing"]

_GRAPH_ROLES = {"reader": "read", "writer": "write"}
_LINKS = {"reader": "view", "writer": "edit"}
_ID = re.compile(r"[\w!=%+\-][\w!=.%+\-]*")
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")


class Sharing:
    """Gives people access, and takes it back."""

    def __init__(self, graph: Graph, tree: Tree) -> None:
        self._graph = graph
        self._tree = tree

    def share(
        self,
        file_id: str,
        people: Sequence[str],
        role: str,
        expires: datetime.datetime | None,
    ) -> list[Permission]:
        """See ``Drive.share``."""
        _check_role(role)
        expires = _checked_end(expires)
        for person in people:
            if not _ADDRESS.fullmatch(person):
                raise BadInputError(
                    f"{person!r} is not an e-mail address.",
                    "Share with an address such as coach@example.org.",
                )
        if expires is not None and not self._tree.known.personal:
            raise NotSupportedError(
                "OneDrive of an organisation cannot end a person's access by itself.",
                "Share by a link that ends, or take the access back with `unshare`.",
            )
        item, link = self._shareable(file_id)
        there = self._permissions(item, link)
        return [self._give(link, person, role, expires, there) for person in people]

    def share_link(self, file_id: str, role: str, expires: datetime.datetime | None) -> Permission:
        """See ``Drive.share_link``."""
        _check_role(role)
        expires = _checked_end(expires)
        _, link = self._shareable(file_id)
        before = {_key(raw) for raw in self._listed(link)}
        body: dict[str, Any] = {"type": _LINKS[role], "scope": "anonymous"}
        if expires is not None:
            body["expirationDateTime"] = _timestamp(expires)
        raw = self._graph.call("POST", f"{link}/createLink", "a link", body=body)
        if end_of(raw) != end_of(body):  # a link of that kind was there already
            change = {"expirationDateTime": body.get("expirationDateTime")}
            raw = self._changed_end(f"{link}/permissions/{quote(_key(raw), safe='')}", change)
        found = to_permissions(raw, inherited=False)
        if not found or found[0].kind != "link":
            if _key(raw) not in before:
                self._remove(link, _key(raw))
            raise NotSupportedError(
                "This OneDrive has no links for everybody.",
                "Ask its administrator, or name people.",
            )
        return found[0]

    def unshare(self, file_id: str, permission_id: str) -> None:
        """See ``Drive.unshare``."""
        if not _ID.fullmatch(permission_id):
            raise BadInputError(
                f"{permission_id!r} is not a permission that can be taken back here.",
                "Look at the folder above.",
            )
        _, link = self._shareable(file_id)
        self._remove(link, permission_id)

    def permissions(self, file_id: str) -> list[Permission]:
        """See ``Drive.permissions``."""
        item, link = self._place(file_id)
        return self._permissions(item, link)

    def _changed_end(self, link: str, change: dict[str, Any]) -> Raw:
        """The link that was there, with another end."""
        try:
            raw = self._graph.call("PATCH", link, "a link", body=change)
        except (ForbiddenError, MalformedError):
            raw = {}
        if not raw or end_of(raw) != end_of(change):
            raise NotSupportedError(
                "There is a link already, and OneDrive does not let its end be changed.",
                "Take that link back first.",
            )
        return raw

    def _give(
        self,
        link: str,
        person: str,
        role: str,
        expires: datetime.datetime | None,
        there: Sequence[Permission],
    ) -> Permission:
        own = [
            grant
            for grant in there
            if grant.kind in ("person", "group") and grant.who.lower() == person.lower()
        ]
        for grant in own:
            if grant.role in (role, "owner") and grant.expires == expires:
                return grant
        direct = next((grant for grant in own if grant.id and not grant.link), None)
        if direct is not None and direct.expires == expires:
            body: dict[str, Any] = {"roles": [_GRAPH_ROLES[role]]}
            now = self._graph.call(
                "PATCH", f"{link}/permissions/{quote(direct.id, safe='')}", person, body=body
            )
            return _told({**now, "id": direct.id}, person, role, expires)
        body = {
            "recipients": [{"email": person}],
            "roles": [_GRAPH_ROLES[role]],
            "requireSignIn": True,
            "sendInvitation": False,
        }
        if expires is not None:
            body["expirationDateTime"] = _timestamp(expires)
        answer = self._graph.call("POST", f"{link}/invite", person, body=body)
        raws = answer.get("value")
        if not isinstance(raws, list) or not raws:
            raise TransientError(
                f"OneDrive does not say whether {person} has access now.",
                "See who has by `jarvis drive who`, and share again.",
            )
        raw: Raw = raws[0]
        if raw.get("error"):
            raise PermanentError(f"OneDrive does not share with {person}.", "Check the address.")
        if expires is not None and end_of(raw) is None:
            self._remove(link, _key(raw))
            raise NotSupportedError(
                "This OneDrive cannot end a person's access by itself.",
                "Take the access back with `unshare` when it is time.",
            )
        return _told(raw, person, role, expires)

    def _permissions(self, item: Item, link: str) -> list[Permission]:
        raws = self._listed(link)
        above: set[str] = set()
        if not self._tree.known.personal and raws:
            # Drives of organisations do not tell what comes from above: look there.
            parent = item.get("parentReference") or {}
            if parent.get("id") and parent.get("driveId"):
                folder = f"/drives/{parent['driveId']}/items/{parent['id']}"
                try:
                    above = {_key(raw) for raw in self._listed(folder)}
                except (NotFoundError, PermanentError):
                    above = set()  # of somebody else: what is above is not ours to see
        found: list[Permission] = []
        for raw in raws:
            inherited = bool(raw.get("inheritedFrom")) or _key(raw) in above
            found += to_permissions(raw, inherited=inherited)
        return found

    def _listed(self, link: str) -> list[Raw]:
        found: list[Raw] = []
        following: str | None = f"{link}/permissions"
        while following is not None:
            answer = self._graph.call("GET", following, "the permissions")
            found += [raw for raw in answer.get("value", []) if isinstance(raw, dict)]
            more = answer.get("@odata.nextLink")
            following = self._graph.below(more) if more else None
        return found

    def _remove(self, link: str, permission_id: str) -> None:
        try:
            key = quote(permission_id, safe="")
            self._graph.call("DELETE", f"{link}/permissions/{key}", "a permission")
        except (NotFoundError, MalformedError):
            return  # gone already

    def _place(self, file_id: str) -> tuple[Item, str]:
        """The item, behind its shortcut, and its address."""
        ref = Ref.parse(file_id)
        item = self._tree.existing(ref)
        return item, self._tree.link(self._tree.behind(item, ref))

    def _shareable(self, file_id: str) -> tuple[Item, str]:
        item, link = self._place(file_id)
        if "root" in item and self._tree.known.personal:
            raise NotSupportedError(
                "All of a personal OneDrive cannot be shared.", "Share a folder of it."
            )
        return item, link


def _told(raw: Raw, person: str, role: str, expires: datetime.datetime | None) -> Permission:
    """What was given, in the words in which it was asked for: the service may tell less."""
    found = to_permissions(raw, inherited=False)
    link = found[0].link if found else ""
    return Permission(_key(raw), "person", person, role, end_of(raw) or expires, link)


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise BadInputError(f"{role!r} is not a role.", f"Take one of {', '.join(ROLES)}.")
    if role not in _GRAPH_ROLES:
        raise NotSupportedError(f"OneDrive has no {role}s.", "Give the role reader or writer.")


def _checked_end(expires: datetime.datetime | None) -> datetime.datetime | None:
    """The end as OneDrive keeps it, in whole seconds."""
    if expires is None:
        return None
    if expires.tzinfo is None:
        raise BadInputError("The end of the access has no time zone.", "Give it one.")
    if expires <= datetime.datetime.now(datetime.UTC):
        raise BadInputError("The end of the access is past.", "Take a later one.")
    return expires.replace(microsecond=0)


def _timestamp(when: datetime.datetime) -> str:
    return f"{when.astimezone(datetime.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _key(raw: Raw) -> str:
    return str(raw.get("id") or "")
