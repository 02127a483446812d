"""What an import takes: by name, media type and content, within its limits, each content once."""

import json
from pathlib import Path

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage import (
    ClientStorageConfig,
    JarvisClientStorageService,
    LocalDriveConfig,
    LocalFolderDrive,
)
from jarvis_dagster.services.client_storage.content import kind_of_content, kind_of_media_type
from jarvis_dagster.services.client_storage.importing import IMPORT_MANIFEST, Caps

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 60
MP4 = b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + b"\0" * 60
PDF = b"%PDF-1.7\n" + b"x" * 60


@pytest.fixture
def service(tmp_path: Path) -> JarvisClientStorageService:
    club = tmp_path / "club"
    club.mkdir()
    return JarvisClientStorageService(
        ClientStorageConfig(
            drives={"club": LocalDriveConfig(root=club)}, import_dir=tmp_path / "imports"
        )
    )


def put(service: JarvisClientStorageService, **contents: bytes) -> None:
    drive = service.drive("club")
    assert isinstance(drive, LocalFolderDrive)
    for name, content in contents.items():
        (drive.root / name.replace("__", ".")).write_bytes(content)


def names(service: JarvisClientStorageService, *kinds: str) -> list[str]:
    return sorted(path.name for path in service.import_user_media("club", None, kinds or None))


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.mp4", MP4, "videos"),
        ("a.png", MP4, "videos"),
        ("a.mp4", PNG, "images"),
        ("noname", PNG, "images"),
        ("noname", b"plain words", "documents"),
        ("a.csv", b"frame,x\n1,2\n", "datasets"),
        ("a.pdf", PDF, "documents"),
        ("a.docx", b"PK\x03\x04" + b"\0" * 60, "documents"),
        ("a.zip", b"PK\x03\x04" + b"\0" * 60, "datasets"),
        ("a.bin", bytes(range(256)), None),
        ("a.mp4", b"", None),
    ],
)
def test_the_content_tells_the_kind(
    tmp_path: Path, name: str, content: bytes, kind: str | None
) -> None:
    (tmp_path / name).write_bytes(content)
    assert kind_of_content(tmp_path / name) == kind


def test_media_types_have_kinds() -> None:
    kinds = {
        "video/mp4": "videos",
        "application/x-matroska": "videos",
        "image/heic": "images",
        "application/pdf": "documents",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "datasets",
        "text/csv": "datasets",
        "text/plain": "documents",
        "application/octet-stream": None,
        "": None,
    }
    assert {media_type: kind_of_media_type(media_type) for media_type in kinds} == kinds


def test_a_picture_that_is_named_as_a_video_is_no_video(
    service: JarvisClientStorageService,
) -> None:
    put(service, game__mp4=MP4, poster__mp4=PNG, film=MP4, notes__txt=b"words")
    assert names(service, "videos") == ["film", "game.mp4"]
    assert names(service, "images") == []  # its name says that it need not be fetched
    assert names(service, ".mp4") == ["game.mp4", "poster.mp4"]
    assert names(service) == ["film", "game.mp4", "notes.txt", "poster.mp4"]


def test_more_than_the_limit_fetches_nothing(
    service: JarvisClientStorageService, tmp_path: Path
) -> None:
    put(service, a__mp4=MP4, b__mp4=MP4 + b"1", c__txt=b"x" * 10_000)
    for caps in (Caps(files=2), Caps(size=9_999)):
        with pytest.raises(BadInputError, match="at most"):
            service.import_user_media("club", caps=caps)
    assert not list((tmp_path / "imports").rglob("*.mp4"))
    assert len(service.import_user_media("club", None, ["videos"], caps=Caps(files=2))) == 2


def test_the_same_content_is_stored_once(
    service: JarvisClientStorageService, tmp_path: Path
) -> None:
    put(service, a__mp4=MP4, b__mp4=MP4, c__mp4=MP4 + b"1")
    first, second, third = service.import_user_media("club")
    assert [path.name for path in (first, second, third)] == ["a.mp4", "b.mp4", "c.mp4"]
    assert first.samefile(second)
    assert not first.samefile(third)
    manifest = json.loads((tmp_path / "imports" / "club" / IMPORT_MANIFEST).read_text("utf-8"))
    by_path = {entry["drive_path"]: entry for entry in manifest["files"].values()}
    assert by_path["b.mp4"]["duplicate_of"] == by_path["a.mp4"]["file"]
    assert by_path["a.mp4"]["duplicate_of"] is None
    assert by_path["c.mp4"]["kind"] == "videos"


def test_a_second_import_fetches_what_changed(
    service: JarvisClientStorageService, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(service, a__mp4=MP4, b__mp4=MP4 + b"1")
    before = service.import_user_media("club")
    fetched: list[str] = []
    real = LocalFolderDrive.download

    def download(drive: LocalFolderDrive, file_id: str, path: Path, **rest: object) -> object:
        fetched.append(file_id)
        return real(drive, file_id, path)

    monkeypatch.setattr(LocalFolderDrive, "download", download)
    assert service.import_user_media("club") == before
    assert fetched == []
    put(service, b__mp4=MP4 + b"new")
    after = service.import_user_media("club")
    assert fetched == ["b.mp4"]
    assert after[1].read_bytes() == MP4 + b"new"
    assert before[1].read_bytes() == MP4 + b"1"


@pytest.mark.parametrize("damage", ["", "[]", '{"files": {"x": 3}}', "\0"])
def test_a_damaged_manifest_costs_a_second_fetch_only(
    service: JarvisClientStorageService, tmp_path: Path, damage: str
) -> None:
    put(service, a__mp4=MP4)
    before = service.import_user_media("club")
    (tmp_path / "imports" / "club" / IMPORT_MANIFEST).write_text(damage)
    assert service.import_user_media("club") == before


def test_progress_ends_with_everything(service: JarvisClientStorageService) -> None:
    put(service, a__mp4=MP4, b__mp4=MP4)
    told: list[tuple[int, int]] = []
    service.import_user_media("club", progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (2 * len(MP4), 2 * len(MP4))
