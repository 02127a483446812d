"""Sharing: roles, ends, links, what comes from above, what cannot be."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, NotSupportedError, PermanentError
from jarvis_dagster.services.client_storage.onedrive.grants import to_permissions

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage import DriveFile
    from jarvis_dagster.services.client_storage.onedrive.drive import OneDrive
    from tests.fakes.onedrive import OneDriveServer

__all__: list[str] = []

_LATER = datetime.datetime(2099, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.fixture
def file(drive: OneDrive, tmp_path: Path) -> DriveFile:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    return drive.upload(path)


def test_commenters_are_not_known(drive: OneDrive, file: DriveFile) -> None:
    with pytest.raises(NotSupportedError, match="commenters"):
        drive.share(file.id, ["coach@example.org"], "commenter")
    with pytest.raises(NotSupportedError, match="commenters"):
        drive.share_link(file.id, "commenter")
    assert [p.role for p in drive.permissions(file.id)] == ["owner"]


def test_access_that_ends(server: OneDriveServer, drive: OneDrive, file: DriveFile) -> None:
    if server.drive.kind == "business":
        with pytest.raises(NotSupportedError, match="cannot end"):
            drive.share(file.id, ["coach@example.org"], expires=_LATER)
        assert [p.role for p in drive.permissions(file.id)] == ["owner"]
        return
    (given,) = drive.share(file.id, ["coach@example.org"], expires=_LATER)
    assert given.expires == _LATER
    assert given in drive.permissions(file.id)
    assert drive.share(file.id, ["COACH@example.org"], expires=_LATER) == [given]
    server.sharing.has_ends = False  # not paid for
    with pytest.raises(PermanentError):
        drive.share(file.id, ["other@example.org"], expires=_LATER)
    assert [p.who for p in drive.permissions(file.id) if p.role != "owner"] == ["coach@example.org"]


def test_an_end_that_the_service_drops_is_not_given(
    server: OneDriveServer, drive: OneDrive, file: DriveFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    if server.drive.kind == "business":
        return
    real = server.sharing._grant
    monkeypatch.setattr(server.sharing, "_grant", lambda *args: real(*args[:-1], None))
    with pytest.raises(NotSupportedError, match="cannot end"):
        drive.share(file.id, ["coach@example.org"], expires=_LATER)
    assert [p.role for p in drive.permissions(file.id)] == ["owner"]


@pytest.mark.parametrize(
    "end", [datetime.datetime(2099, 1, 1), datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC)]
)
def test_ends_that_cannot_be(drive: OneDrive, file: DriveFile, end: datetime.datetime) -> None:
    with pytest.raises(BadInputError, match="end of the access"):
        drive.share(file.id, ["coach@example.org"], expires=end)
    with pytest.raises(BadInputError, match="end of the access"):
        drive.share_link(file.id, expires=end)


def test_a_lower_role_replaces_a_higher_one(drive: OneDrive, file: DriveFile) -> None:
    drive.share(file.id, ["coach@example.org"], "writer")
    (given,) = drive.share(file.id, ["coach@example.org"], "reader")
    assert given.role == "reader"
    assert [p.role for p in drive.permissions(file.id)] == ["owner", "reader"]


def test_what_comes_from_above_is_taken_back_above(drive: OneDrive, tmp_path: Path) -> None:
    folder = drive.create_folder("Shared")
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"x")
    file = drive.upload(path, folder.id)
    (given,) = drive.share(folder.id, ["coach@example.org"])
    (seen,) = [p for p in drive.permissions(file.id) if p.role == "reader"]
    assert (seen.who, seen.inherited, seen.id) == ("coach@example.org", True, "")
    with pytest.raises(BadInputError, match="not a permission that can be taken back here"):
        drive.unshare(file.id, seen.id)
    assert drive.share(file.id, ["coach@example.org"]) == [seen]  # they have it already
    (writer,) = drive.share(file.id, ["coach@example.org"], "writer")
    assert {(p.role, p.inherited) for p in drive.permissions(file.id) if p.role != "owner"} == {
        ("reader", True),
        ("writer", False),
    }
    drive.unshare(file.id, writer.id)
    drive.unshare(folder.id, given.id)
    assert [p.role for p in drive.permissions(file.id)] == ["owner"]


def test_links_of_both_roles_and_with_an_end(
    server: OneDriveServer, drive: OneDrive, file: DriveFile
) -> None:
    view, edit = drive.share_link(file.id), drive.share_link(file.id, "writer")
    assert (view.role, edit.role) == ("reader", "writer")
    assert view.link != edit.link
    assert drive.share_link(file.id) == view
    ending = drive.share_link(file.id, expires=_LATER)
    assert (ending.id, ending.expires) == (view.id, _LATER)
    assert drive.share_link(file.id).expires is None
    server.faults.add("status", match="/permissions/", method="PATCH", status=403)
    with pytest.raises(NotSupportedError, match="a link already"):
        drive.share_link(file.id, expires=_LATER)


def test_links_that_the_administrator_forbids(
    server: OneDriveServer, drive: OneDrive, file: DriveFile
) -> None:
    server.sharing.has_links = False
    with pytest.raises(PermanentError, match="refuses"):
        drive.share_link(file.id)


def test_a_link_for_the_organisation_alone_is_none_for_everybody(
    server: OneDriveServer, drive: OneDrive, file: DriveFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = server.sharing.create_link

    def other(call: Any) -> Any:
        call.body["scope"] = "organization"
        return real(call)

    monkeypatch.setattr(server.sharing, "create_link", other)
    with pytest.raises(NotSupportedError, match="no links for everybody"):
        drive.share_link(file.id)
    assert [p.role for p in drive.permissions(file.id)] == ["owner"]


def test_the_root_of_a_personal_drive_is_not_shared(
    server: OneDriveServer, drive: OneDrive
) -> None:
    root = server.drive.root.id
    if server.drive.kind == "business":
        (given,) = drive.share(root, ["coach@example.org"])
        drive.unshare(root, given.id)
        return
    for call in (lambda: drive.share(root, ["a@b.org"]), lambda: drive.share_link(root)):
        with pytest.raises(NotSupportedError, match="All of a personal OneDrive"):
            call()


@pytest.mark.parametrize("hostile", ["", ".", "..", "../x", "a/b", "a?b", "a b", "\0"])
def test_hostile_permission_ids(drive: OneDrive, file: DriveFile, hostile: str) -> None:
    with pytest.raises(BadInputError):
        drive.unshare(file.id, hostile)
    drive.unshare(file.id, "%2e%2e")  # a name like any other, of nothing
    assert drive.stat(file.id) == file


def test_people_are_checked_before_anybody_is_given_anything(
    drive: OneDrive, file: DriveFile
) -> None:
    for hostile in ("nobody", "a@b", "a b@c.org", "a@b.org\r\nX: y", "<a@b.org>", ""):
        with pytest.raises(BadInputError, match="not an e-mail address"):
            drive.share(file.id, ["coach@example.org", hostile])
    assert [p.role for p in drive.permissions(file.id)] == ["owner"]


def test_permissions_of_every_kind() -> None:
    def told(**raw: Any) -> list[tuple[str, str, str, str]]:
        found = to_permissions({"id": "1", **raw}, inherited=False)
        return [(p.kind, p.who, p.role, p.link) for p in found]

    link = {"webUrl": "https://x.example/1", "type": "view"}
    two = [{"user": {"email": "a@b.org"}}, {"siteUser": {"displayName": "B"}}]
    group = {"group": {"email": "team@b.org"}}
    assert told(roles=["read"], link=link) == [("link", "", "reader", link["webUrl"])]
    assert told(roles=["write"], link={**link, "scope": "organization"}) == [
        ("domain", "", "writer", link["webUrl"])
    ]
    assert told(roles=["read"], link={**link, "scope": "users"}, grantedToIdentitiesV2=two) == [
        ("person", "a@b.org", "reader", link["webUrl"]),
        ("person", "B", "reader", link["webUrl"]),
    ]
    assert told(roles=["read"], link={**link, "scope": "existingAccess"}) == []
    assert told(roles=["owner"], grantedToV2=group) == [("group", "team@b.org", "owner", "")]
    assert told(roles=["sp.full control"], grantedTo={"user": {"displayName": "C"}}) == [
        ("person", "C", "owner", "")
    ]
    assert told(roles=["new role"], invitation={"email": "d@b.org"}) == [
        ("person", "d@b.org", "reader", "")
    ]
