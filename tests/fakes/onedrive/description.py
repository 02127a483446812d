"""What Microsoft Graph's published API knows: every request is held against it.

Belongs here: methods, addresses, query options, headers and body properties,
each with the page of https://learn.microsoft.com/graph/api that has it. Does
not belong here: what a call does.
"""

from __future__ import annotations

import dataclasses
import re
from typing import Any
from urllib.parse import parse_qsl, unquote

from tests.fakes.onedrive.errors import ApiError

__all__ = ["Call", "parse"]

_CONFLICT = "@microsoft.graph.conflictBehavior"
_LIST = frozenset({"$expand", "$select", "$skiptoken", "$top", "$orderby"})
_ANYWHERE = frozenset(
    {
        *("accept", "accept-encoding", "authorization", "client-request-id", "connection"),
        *("content-length", "content-type", "host", "prefer", "user-agent"),
    }
)
_REFERENCE = {"id": str, "driveId": str, "path": str}
_RECIPIENT = {"email": str, "alias": str, "objectId": str}


@dataclasses.dataclass(frozen=True)
class _Known:
    query: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    body: dict[str, Any] | None = None  # None: there is none; {"": bytes}: raw content
    needed: frozenset[str] = frozenset()


_IF_MATCH = frozenset({"if-match"})
_IF_NONE = frozenset({"if-none-match"})
_SELECT = frozenset({"$select", "$expand"})

_CALLS: dict[tuple[str, str], _Known] = {
    # drive-get
    ("GET", "drive"): _Known(query=frozenset({"$select"})),
    # driveitem-get
    ("GET", "item"): _Known(query=_SELECT, headers=_IF_NONE),
    # driveitem-update, driveitem-move; the option is in resources/driveitem#instance-attributes
    ("PATCH", "item"): _Known(
        query=frozenset({_CONFLICT}),
        headers=_IF_MATCH,
        body={"name": str, "parentReference": _REFERENCE, "fileSystemInfo": {}, "description": str},
    ),
    # driveitem-delete
    ("DELETE", "item"): _Known(headers=_IF_MATCH),
    # driveitem-list-children
    ("GET", "children"): _Known(query=_LIST, headers=_IF_NONE),
    # driveitem-post-children
    ("POST", "children"): _Known(
        body={"name": str, "folder": {}, _CONFLICT: str}, needed=frozenset({"name", "folder"})
    ),
    # driveitem-put-content; the precondition is that of driveitem-update
    ("PUT", "content"): _Known(query=frozenset({_CONFLICT}), headers=_IF_MATCH, body={"": bytes}),
    # driveitem-createuploadsession, resources/driveitemuploadableproperties
    ("POST", "createUploadSession"): _Known(
        headers=_IF_MATCH | _IF_NONE,
        body={
            "deferCommit": bool,
            "item": {
                _CONFLICT: str,
                "name": str,
                "fileSize": int,
                "description": str,
                "fileSystemInfo": {},
            },
        },
    ),
    # driveitem-delta
    ("GET", "delta"): _Known(
        query=frozenset({"token", "$select", "$expand", "$top"}),
        headers=frozenset({"deltaexcludeparent"}),
    ),
    # driveitem-search
    ("GET", "search"): _Known(query=_LIST),
    # driveitem-invite, resources/driverecipient
    ("POST", "invite"): _Known(
        body={
            "recipients": [_RECIPIENT],
            "roles": [str],
            "requireSignIn": bool,
            "sendInvitation": bool,
            "message": str,
            "password": str,
            "expirationDateTime": str,
        },
        needed=frozenset({"recipients", "roles"}),
    ),
    # driveitem-createlink
    ("POST", "createLink"): _Known(
        body={
            "type": str,
            "scope": str,
            "password": str,
            "expirationDateTime": str,
            "retainInheritedPermissions": bool,
        },
        needed=frozenset({"type"}),
    ),
    # driveitem-list-permissions
    ("GET", "permissions"): _Known(query=frozenset({"$select"}), headers=_IF_NONE),
    # permission-update
    ("PATCH", "permission"): _Known(
        headers=_IF_MATCH, body={"roles": [str], "expirationDateTime": str}
    ),
    # permission-delete
    ("DELETE", "permission"): _Known(headers=_IF_MATCH),
    # graph/json-batching
    ("POST", "batch"): _Known(
        body={"requests": [{"id": str, "method": str, "url": str, "headers": {}, "body": {}}]},
        needed=frozenset({"requests"}),
    ),
}

_ADDRESS = re.compile(
    r"/v1\.0/(?:me/drive|users/(?P<user>[^/]+)/drive|drives/(?P<drive>[^/]+))"
    r"(?P<item>/root|/items/(?P<id>[^/:]+))?"
    r"(?::/(?P<path>[^:]+)(?P<colon>:(?=/))?)?"
    r"(?P<tail>/.*)?"
)
_TAIL = re.compile(
    r"/(?P<what>children|content|createUploadSession|delta|search|invite|createLink|permissions)"
    r"(?:/(?P<permission>[^/()]+))?"
    r"(?:\((?P<name>token|q)='(?P<value>(?:[^']|'')*)'\))?"
)


@dataclasses.dataclass
class Call:
    """One request that the API knows.

    Attributes:
        what: ``item``, ``children``, ... as in the table above.
        item: The id of the item, or of the folder that ``path`` begins at; empty for the root.
    """

    method: str
    what: str
    drive: str
    item: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: dict[str, Any]
    content: bytes
    permission: str = ""
    argument: str | None = None


def parse(
    method: str, raw_path: str, raw_query: str, headers: dict[str, str], body: Any, content: bytes
) -> Call:
    """The call of a request.

    Args:
        headers: With names in lower case.
        body: The decoded JSON, if it is any.

    Raises:
        ApiError: Microsoft Graph does not know it.
    """
    call = _addressed(method, raw_path)
    call.query = {_name(key): value for key, value in parse_qsl(raw_query, keep_blank_values=True)}
    call.headers, call.content = headers, content
    known = _CALLS.get((method, call.what))
    if known is None:
        raise ApiError(405, "", f"{method} {call.what}")
    for name in call.query.keys() - known.query:
        raise ApiError(400, "invalidRequest", f"query option {name} of {method} {call.what}")
    for name in headers.keys() - known.headers - _ANYWHERE:
        raise ApiError(400, "invalidRequest", f"header {name} of {method} {call.what}")
    if known.body is None:
        if content:
            raise ApiError(400, "invalidRequest", f"a body of {method} {call.what}")
    elif "" not in known.body:
        if headers.get("content-type") != "application/json" or not isinstance(body, dict):
            raise ApiError(400, "invalidRequest", f"no JSON in {method} {call.what}")
        _check(body, known.body, f"{method} {call.what}")
        for name in known.needed - body.keys():
            raise ApiError(400, "invalidRequest", f"{method} {call.what} without {name}")
        call.body = body
    return call


def _addressed(method: str, raw_path: str) -> Call:
    def made(what: str, match: re.Match[str] | None = None) -> Call:
        parts = match.groupdict("") if match else {}
        drive = unquote(parts.get("drive", ""))
        item, path = unquote(parts.get("id", "")), unquote(parts.get("path", ""))
        return Call(method, what, drive, item, path, {}, {}, {}, b"")

    if raw_path == "/v1.0/$batch":
        return made("batch")
    match = _ADDRESS.fullmatch(raw_path)
    if match is None or (match["path"] and not match["item"]):
        raise ApiError(400, "invalidRequest", f"no such address: {raw_path}")
    if not match["item"]:
        if match["tail"]:
            raise ApiError(400, "invalidRequest", f"no such address: {raw_path}")
        return made("drive", match)
    if match["path"] and not match["colon"]:  # :/a/b takes all that follows for its path
        return made("item", match)
    if not match["tail"]:
        return made("item", match)
    tail = _TAIL.fullmatch(unquote(match["tail"]) if "(" in match["tail"] else match["tail"])
    if tail is None:
        raise ApiError(400, "invalidRequest", f"no such address: {raw_path}")
    call = made(tail["what"], match)
    call.argument = None if tail["value"] is None else tail["value"].replace("''", "'")
    if tail["permission"]:
        if call.what != "permissions":
            raise ApiError(400, "invalidRequest", f"no such address: {raw_path}")
        call.what, call.permission = "permission", unquote(tail["permission"])
    if (call.what == "search") != (tail["name"] == "q") or (
        tail["name"] == "token" and call.what != "delta"
    ):
        raise ApiError(400, "invalidRequest", f"arguments of {call.what}")
    return call


def _name(option: str) -> str:
    return option.lower() if option.startswith("$") else option


def _check(value: Any, known: Any, where: str) -> None:
    if isinstance(known, dict):
        if not isinstance(value, dict):
            raise ApiError(400, "invalidRequest", f"not an object: {where}")
        for name, inner in value.items() if known else ():
            if name not in known:
                raise ApiError(400, "invalidRequest", f"property {name} of {where}")
            _check(inner, known[name], f"{where}.{name}")
    elif isinstance(known, list):
        if not isinstance(value, list) or not value:
            raise ApiError(400, "invalidRequest", f"not a list: {where}")
        for inner in value:
            _check(inner, known[0], where)
    elif value is not None and not isinstance(value, known):
        raise ApiError(400, "invalidRequest", f"wrong type: {where}")
