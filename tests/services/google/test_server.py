"""The local server refuses what Google's description does not allow."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.fakes.google import GoogleServer
from tests.fakes.google.errors import ApiError
from tests.fakes.google.fields import parse_fields, project
from tests.fakes.google.query import parse_query


class Client:
    """Speaks plain HTTP, as no client library would."""

    def __init__(self, server: GoogleServer) -> None:
        self.server = server
        user = server.oauth.authorized_user()
        form = {**user, "grant_type": "refresh_token"}
        self.token = server.oauth.token(form, None)["access_token"]

    def __call__(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body else None
        headers = {"Authorization": f"Bearer {self.token}", **headers}
        request = urllib.request.Request(
            f"{self.server.address}{path}", data, headers, method=method
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return answer.status, dict(answer.headers), json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            with error:
                content = error.read()
            return error.code, dict(error.headers), json.loads(content) if content else None


@pytest.fixture
def server() -> Any:
    with GoogleServer() as server:
        yield server


@pytest.fixture
def client(server: GoogleServer) -> Client:
    return Client(server)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/drive/v3/files?page_size=3", None),
        ("GET", "/drive/v3/files?pageSize=many", None),
        ("GET", "/drive/v3/files?supportsAllDrives=yes", None),
        ("GET", "/drive/v3/files?fields=files(id,nme)", None),
        ("GET", "/drive/v3/files?fields=files(id", None),
        ("GET", "/drive/v3/files?corpora=drive", None),
        ("GET", "/drive/v3/changes", None),
        ("GET", "/drive/v3/about", None),
        ("POST", "/drive/v3/files", {"name": "x", "colour": "red"}),
        ("POST", "/drive/v3/files", {"name": 3}),
        ("POST", "/drive/v3/files", {"name": "x", "md5Checksum": "0"}),
        ("POST", "/upload/drive/v3/files", {"name": "x"}),
    ],
)
def test_requests_that_are_not_described(
    server: GoogleServer, client: Client, method: str, path: str, body: Any
) -> None:
    status, _, said = client(method, path, body)
    assert status in (400, 403), said
    assert len(server.violations) == 1


def test_calls_that_do_not_exist_and_callers_that_are_not_known(
    server: GoogleServer, client: Client
) -> None:
    assert client("GET", "/drive/v3/folders")[0] == 404
    assert client("PUT", "/drive/v3/files/x")[0] == 404
    client.token = "guessed"
    status, headers, _ = client("GET", "/drive/v3/files")
    assert (status, headers["WWW-Authenticate"].split()[0]) == (401, "Bearer")


def test_only_asked_for_fields_are_sent(server: GoogleServer, client: Client) -> None:
    key = server.world.add_file("clip.mp4")
    _, _, said = client("GET", f"/drive/v3/files/{key}")
    assert set(said) == {"kind", "id", "name", "mimeType"}
    _, _, said = client("GET", f"/drive/v3/files/{key}?fields=size,parents")
    assert said == {"size": "7", "parents": [server.world.root]}
    assert project({"a": [{"b": 1, "c": 2}], "d": 3}, parse_fields("a/b")) == {"a": [{"b": 1}]}


def test_shared_drives_are_only_seen_with_the_flag(server: GoogleServer, client: Client) -> None:
    key = server.world.add_file("clip.mp4", parent=server.world.add_drive("Club"))
    assert client("GET", f"/drive/v3/files/{key}")[0] == 404
    assert client("GET", f"/drive/v3/files/{key}?supportsAllDrives=true")[0] == 200
    assert client("GET", "/drive/v3/files")[2]["files"] == []


def test_uploads_come_in_pieces_of_256_kib(server: GoogleServer, client: Client) -> None:
    def put(location: str, span: str, piece: bytes) -> tuple[int, dict[str, str], Any]:
        return client("PUT", location, piece, **{"Content-Range": span})

    head = {"X-Upload-Content-Type": "a/b", "X-Upload-Content-Length": "300000"}
    address = "/upload/drive/v3/files?uploadType=resumable"
    _, headers, _ = client("POST", address, {"name": "x"}, **head)
    location = headers["Location"].removeprefix(server.address)
    assert put(location, "bytes 0-99/300000", bytes(100))[0] == 400
    assert put(location, "bytes 0-262143/300000", bytes(100))[0] == 400
    status, headers, _ = put(location, "bytes 0-262143/300000", bytes(262_144))
    assert (status, headers["Range"]) == (308, "bytes=0-262143")
    assert put(location, "bytes */300000", b"")[1]["Range"] == "bytes=0-262143"
    assert client("GET", "/drive/v3/files")[2]["files"] == []
    status, _, said = put(location, "bytes 262144-299999/300000", bytes(37_856))
    assert (status, put(location, "bytes */300000", b"")[2]) == (200, said)
    assert put(f"{location}x", "bytes */300000", b"")[0] == 404


def test_ids_are_reserved_first_and_used_once(server: GoogleServer, client: Client) -> None:
    assert client("POST", "/drive/v3/files", {"id": "mine", "name": "x"})[0] == 400
    _, _, said = client("GET", "/drive/v3/files/generateIds?count=1")
    body = {"id": said["ids"][0], "name": "x"}
    assert client("POST", "/drive/v3/files", body)[0] == 200
    status, _, said = client("POST", "/drive/v3/files", body)
    assert (status, said["error"]["errors"][0]["reason"]) == (409, "fileIdInUse")


def test_page_tokens_belong_to_one_query(server: GoogleServer, client: Client) -> None:
    for number in range(3):
        server.world.add_file(f"{number}.mp4")
    _, _, said = client("GET", "/drive/v3/files?pageSize=2")
    more = urlencode({"pageSize": 2, "pageToken": said["nextPageToken"]})
    assert len(client("GET", f"/drive/v3/files?{more}")[2]["files"]) == 1
    assert client("GET", f"/drive/v3/files?{more}&q=trashed%3Dtrue")[0] == 400


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("name = 'it\\'s.mp4' and trashed = false", True),
        ("name contains 'it' and not (trashed = true or mimeType contains 'image/')", True),
        ("'root' in parents and 'other' in parents", False),
        (
            "('root' in parents or 'other' in parents) and modifiedTime > '2020-01-01T00:00:00Z'",
            True,
        ),
        ("fullText contains '\"second period\"'", True),
        ("fullText contains 'period second' and fullText contains 'seco'", False),
        ("mimeType != 'video/mp4'", False),
    ],
)
def test_queries(query: str, matches: bool) -> None:
    file = {
        "name": "it's.mp4",
        "mimeType": "video/mp4",
        "parents": ["root"],
        "trashed": False,
        "modifiedTime": "2026-01-01T00:00:00Z",
        "_text": lambda: "In the second period",
    }
    assert parse_query(query)(file) is matches


@pytest.mark.parametrize(
    "query",
    [
        "name = 'it's.mp4'",
        "name like 'x'",
        "colour = 'red'",
        "trashed",
        "(trashed = true",
        "'x' in",
        "=",
    ],
)
def test_queries_that_cannot_be_read(query: str) -> None:
    with pytest.raises(ApiError, match="400"):
        parse_query(query)
