"""Who is given what: consent comes first, and everything is in the audit log."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from jarvis_dagster.errors import BadInputError, ConfigError, NotSupportedError, PermanentError
from jarvis_dagster.services.client_storage import (
    ClientStorageConfig,
    JarvisClientStorageService,
    LocalDriveConfig,
    LocalFolderDrive,
    Permission,
    Quota,
)
from jarvis_dagster.services.client_storage.consent import ConsentError, PlayerList
from jarvis_dagster.services.client_storage.inbox import Inbox

PLAYERS = """
players:
  - {name: Kim A., minor: true, seen_in: ["U14*"]}
  - {name: Lee B., minor: true, consent: true, seen_in: ["U16*"]}
  - {name: Max C., minor: true, consent: true, consent_until: 2020-01-31}
  - {name: Pat D., minor: false, seen_in: ["*"]}
"""


class SharedFolder(LocalFolderDrive):
    """A folder of this machine that knows people."""

    can_share: ClassVar[bool] = True

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.given: dict[str, list[Permission]] = {}

    def share(
        self,
        file_id: str,
        people: Sequence[str],
        role: str = "reader",
        *,
        expires: datetime.datetime | None = None,
    ) -> Sequence[Permission]:
        new = [Permission(person, "person", person, role, expires) for person in people]
        self.given.setdefault(file_id, []).extend(new)
        return new

    def share_link(
        self, file_id: str, role: str = "reader", *, expires: datetime.datetime | None = None
    ) -> Permission:
        link = Permission("link", "link", "", role, expires, "https://example.org/x")
        self.given.setdefault(file_id, []).append(link)
        return link

    def unshare(self, file_id: str, permission_id: str) -> None:
        self.given[file_id] = [p for p in self.given[file_id] if p.id != permission_id]

    def permissions(self, file_id: str) -> Sequence[Permission]:
        return self.given.get(file_id, [])


@pytest.fixture
def service(tmp_path: Path) -> JarvisClientStorageService:
    (tmp_path / "players.yaml").write_text(PLAYERS, "utf-8")
    service = JarvisClientStorageService(
        ClientStorageConfig(
            drives={
                "club": LocalDriveConfig(root=tmp_path / "club"),
                "disk": LocalDriveConfig(root=tmp_path / "disk"),
            },
            import_dir=tmp_path / "imports",
            players=tmp_path / "players.yaml",
        )
    )
    service._drives["club"] = SharedFolder(tmp_path / "club")
    return service


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text("<h1>Game</h1>")
    return path


def logged(service: JarvisClientStorageService) -> list[tuple[str, bool]]:
    return [(entry["action"], entry["allowed"]) for entry in service.audit.entries()]


def test_material_of_a_minor_without_consent_is_not_exported(
    service: JarvisClientStorageService, report: Path
) -> None:
    with pytest.raises(ConsentError, match=r"Kim A\..*nothing was passed on"):
        service.export_results([report], "disk", about={"video": "U14 Tigers.mp4"})
    assert list(service.drive("disk").list_all(recursive=True)) == []
    (entry,) = service.audit.entries()
    assert (entry["action"], entry["allowed"], entry["drive"]) == ("export", False, "disk")
    assert "Kim A." in entry["reason"]


@pytest.mark.parametrize(
    ("about", "players", "allowed"),
    [
        ("U16 Tigers.mp4", [], True),  # consent was given
        ("u14 TIGERS.mp4", [], False),  # in any case
        ("Seniors.mp4", [], True),
        ("Seniors.mp4", ["kim a."], False),  # named, though the video is not
        ("Seniors.mp4", ["Max C."], False),  # consent has ended
        ("Seniors.mp4", ["Pat D.", "Nobody Known"], True),
    ],
)
def test_consent_decides(
    service: JarvisClientStorageService,
    report: Path,
    about: str,
    players: list[str],
    allowed: bool,
) -> None:
    def export() -> None:
        service.export_results([report], "disk", about={"video": about}, players=players)

    if allowed:
        export()
    else:
        with pytest.raises(ConsentError):
            export()
    assert logged(service) == [("export", allowed)]


def test_a_consent_that_is_withdrawn_counts_at_once(
    service: JarvisClientStorageService, report: Path, tmp_path: Path
) -> None:
    service.export_results([report], "disk", about={"video": "U16.mp4"})
    (tmp_path / "players.yaml").write_text(PLAYERS.replace("consent: true", "consent: false"))
    with pytest.raises(ConsentError, match=r"Lee B\."):
        service.export_results([report], "disk", about={"video": "U16.mp4"})


@pytest.mark.parametrize("content", ["players: {", "players: 3", "players: [{name: X}]", "\0"])
def test_a_list_that_cannot_be_read_lets_nothing_out(
    service: JarvisClientStorageService, report: Path, tmp_path: Path, content: str
) -> None:
    (tmp_path / "players.yaml").write_text(content)
    with pytest.raises(ConfigError, match="nothing is exported"):
        service.export_results([report], "disk")
    (tmp_path / "players.yaml").unlink()
    with pytest.raises(ConfigError):
        PlayerList(tmp_path / "players.yaml").require([], [])


def test_a_folder_that_holds_such_material_is_not_shared(
    service: JarvisClientStorageService, report: Path
) -> None:
    drive = service.drive("club")
    folder = drive.create_folder("Results")
    drive.upload(report, drive.create_folder("U14 Tigers", folder.id).id)
    with pytest.raises(ConsentError):
        service.share("club", folder.id, ["coach@example.org"])
    assert drive.permissions(folder.id) == []
    assert logged(service) == [("share", False)]


def test_shares_are_given_seen_and_taken_back(
    service: JarvisClientStorageService, report: Path
) -> None:
    ends = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
    folder_id = service.create_shared_folder(
        "Seniors", "club", ["coach@example.org"], "writer", expires=ends
    )
    service.share("club", folder_id)  # nobody named: by link
    file = service.drive("club").upload(report, folder_id)
    seen = {access.file.path: access.permissions for access in service.who_sees("club")}
    assert [p.who for p in seen["Seniors"]] == ["coach@example.org", ""]
    assert seen["Seniors"][0].expires == ends
    assert seen[file.path] == ()
    taken = service.unshare("club", folder_id, ["Coach@Example.org", "link"])
    assert [p.kind for p in taken] == ["person", "link"]
    assert service.drive("club").permissions(folder_id) == []
    assert logged(service) == [("share", True), ("share", True), ("unshare", True)]


def test_a_drive_without_people_says_so_and_makes_nothing(
    service: JarvisClientStorageService,
) -> None:
    with pytest.raises(NotSupportedError, match="cannot share"):
        service.create_shared_folder("Seniors", "disk", ["coach@example.org"])
    assert list(service.drive("disk").list_all()) == []
    with pytest.raises(BadInputError, match="no file"):
        service.share("disk", "none", ["coach@example.org"])


def test_a_drive_without_room_gets_nothing(
    service: JarvisClientStorageService, report: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LocalFolderDrive, "quota", lambda _: Quota(used=100, total=105))
    with pytest.raises(PermanentError, match="5 bytes left"):
        service.export_results([report], "disk")
    assert list(service.drive("disk").list_all()) == []


def test_the_audit_log_is_for_its_owner_and_survives_a_cut_line(
    service: JarvisClientStorageService, report: Path
) -> None:
    service.export_results([report], "disk")
    path = service.audit.path
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as lines:
        lines.write('{"action": "exp')
    service.export_results([report], "disk")
    assert logged(service) == [("export", True), ("export", True)]


def test_results_go_to_the_right_people(service: JarvisClientStorageService, report: Path) -> None:
    source = {"name": "Final.mp4", "path": "Jarvis AI/Uploads/Final.mp4", "sha256": "ab" * 32}
    files = {"report.html": report}
    people = ["coach@example.org"]
    inbox = Inbox(service, "club", "Jarvis AI")
    delivered = inbox.deliver(source, files, share_with=people, role="commenter")
    folder = inbox.drive.find(delivered.path)
    assert folder is not None
    assert [(p.who, p.role) for p in inbox.drive.permissions(folder.id)] == [
        ("coach@example.org", "commenter")
    ]
    assert delivered.shared_with == ("coach@example.org",)
    disk = Inbox(service, "disk", "Jarvis AI").deliver(source, files, share_with=people)
    assert disk.shared_with == ()


def test_the_folder_of_a_video_tells_who_is_in_it(
    service: JarvisClientStorageService, report: Path
) -> None:
    source = {"name": "1.mp4", "path": "Jarvis AI/Uploads/U14 Tigers/1.mp4", "sha256": "ab" * 32}
    with pytest.raises(ConsentError, match=r"Kim A\."):
        Inbox(service, "disk", "Jarvis AI").deliver(source, {"report.html": report})
    found = service.drive("disk").list_all(recursive=True)
    assert [file.path for file in found if not file.is_folder] == []
