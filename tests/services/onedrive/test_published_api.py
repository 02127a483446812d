"""The local server refuses what Microsoft Graph's published API does not know."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.onedrive.description import parse
from tests.fakes.onedrive.errors import ApiError
from tests.fakes.onedrive.world import check_name

__all__: list[str] = []

_ITEM = "/v1.0/drives/b!x/items/01A"


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "body"),
    [
        ("GET", "/v1.0/drive/root", "", {}, None),
        ("GET", "/beta/me/drive", "", {}, None),
        ("GET", "/v1.0/drives/x/root/delta", "$filter=name eq 'x'", {}, None),
        ("GET", f"{_ITEM}/children", "pageSize=3", {}, None),
        ("GET", f"{_ITEM}/changes", "", {}, None),
        ("GET", f"{_ITEM}/search", "q=x", {}, None),
        ("GET", f"{_ITEM}/children(q='x')", "", {}, None),
        ("GET", f"{_ITEM}:/a:", "", {}, None),
        ("POST", f"{_ITEM}/trash", "", {}, {}),
        ("POST", _ITEM, "", {}, {}),
        ("DELETE", _ITEM, "permanent=true", {}, None),
        ("DELETE", _ITEM, "", {"if-unmodified-since": "x"}, None),
        ("PATCH", _ITEM, "", {}, {"title": "x"}),
        ("PATCH", _ITEM, "", {}, {"parentReference": {"folder": "x"}}),
        ("PATCH", _ITEM, "", {}, {"name": 1}),
        ("POST", f"{_ITEM}/children", "", {}, {"name": "x"}),
        ("POST", f"{_ITEM}/invite", "", {}, {"recipients": [{"mail": "x"}], "roles": ["read"]}),
        ("POST", f"{_ITEM}/invite", "", {}, {"recipients": [], "roles": ["read"]}),
        ("POST", f"{_ITEM}/createLink", "", {}, {"type": "view", "expires": "x"}),
        ("POST", f"{_ITEM}:/x:/createUploadSession", "", {}, {"size": 1}),
        ("PUT", f"{_ITEM}:/x:/content", "conflictBehavior=fail", {}, None),
        ("GET", f"{_ITEM}/permissions/1/2", "", {}, None),
        ("POST", "/v1.0/$batch", "", {}, {"requests": [{"path": "/x"}]}),
    ],
)
def test_what_it_does_not_know(
    method: str, path: str, query: str, headers: dict[str, str], body: Any
) -> None:
    sent = {**headers, "content-type": "application/json"} if body is not None else headers
    with pytest.raises(ApiError) as raised:
        parse(method, path, query, sent, body, b"{}" if body is not None else b"")
    assert raised.value.status in (400, 405)


@pytest.mark.parametrize(
    ("method", "path", "query", "wanted"),
    [
        ("GET", "/v1.0/me/drive", "$select=id", ("drive", "", "")),
        ("GET", "/v1.0/me/drive/root", "", ("item", "", "")),
        ("GET", "/v1.0/me/drive/root:/a%20b/c%25.mp4", "", ("item", "", "a b/c%.mp4")),
        ("GET", "/v1.0/me/drive/root:/a/children", "", ("item", "", "a/children")),
        ("GET", "/v1.0/me/drive/root:/a:/children", "", ("children", "", "a")),
        ("GET", f"{_ITEM}/children", "$top=5&$skipToken=x", ("children", "01A", "")),
        ("DELETE", f"{_ITEM}/permissions/p1", "", ("permission", "01A", "")),
        ("GET", f"{_ITEM}/search(q='it''s')", "", ("search", "01A", "")),
        ("GET", "/v1.0/drives/x/root/delta(token='1.0')", "$top=2", ("delta", "", "")),
    ],
)
def test_what_it_knows(method: str, path: str, query: str, wanted: tuple[str, str, str]) -> None:
    call = parse(method, path, query, {}, None, b"")
    assert (call.what, call.item, call.path) == wanted
    if call.what == "search":
        assert call.argument == "it's"


@pytest.mark.parametrize(
    "name",
    [
        *("a:b", "a?b", 'a"b', "a|b", " a", "a ", "a.", "~a", "~$a.docx", "CON", "nul.txt"),
        *("COM0", "lpt9.txt", ".lock", "desktop.ini", "Desktop.INI", "a_VTI_b", "", "x" * 256),
    ],
)
def test_names_that_onedrive_does_not_take(name: str) -> None:
    with pytest.raises(ApiError):
        check_name(name)
