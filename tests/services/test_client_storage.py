"""JarvisClientStorageService over local folders."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError, ConfigError, NotSupportedError, TransientError
from jarvis_dagster.services.client_storage import (
    ClientStorageConfig,
    JarvisClientStorageService,
    LocalDriveConfig,
    LocalFolderDrive,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def service(tmp_path: Path) -> JarvisClientStorageService:
    return JarvisClientStorageService(
        ClientStorageConfig(
            drives={"club": LocalDriveConfig(root=tmp_path / "club")},
            import_dir=tmp_path / "imported",
        )
    )


@pytest.fixture
def root(service: JarvisClientStorageService, tmp_path: Path) -> Path:
    service.check()
    return tmp_path / "club"


def make(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def visible(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and ".jarvis" not in path.parts
    }


def test_an_unknown_drive_is_named(service: JarvisClientStorageService) -> None:
    for call in (
        lambda: service.import_user_media("nope"),
        lambda: service.export_results([], "nope"),
        lambda: service.create_shared_folder("x", "nope"),
    ):
        with pytest.raises(ConfigError, match=r"'nope'.*club"):
            call()


def test_import_takes_what_is_asked_for(service: JarvisClientStorageService, root: Path) -> None:
    make(root / "a.mp4", "video")
    make(root / "sub" / "b.MOV", "video 2")
    make(root / "c.jpg", "image")
    make(root / "d.csv", "data")
    make(root / "e.xyz", "unknown")
    make(root / "f.mp4.part", "unfinished")

    def names(*types: str) -> set[str]:
        return {p.name for p in service.import_user_media("club", None, types or None)}

    assert names("videos") == {"a.mp4", "b.MOV"}
    assert names("images", ".csv") == {"c.jpg", "d.csv"}
    assert names() == {"a.mp4", "b.MOV", "c.jpg", "d.csv", "e.xyz"}
    assert [p.name for p in service.import_user_media("club", "sub")] == ["b.MOV"]
    with pytest.raises(BadInputError, match="films"):
        names("films")


def test_import_keeps_same_names_apart_and_is_done_once(
    service: JarvisClientStorageService,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make(root / "one" / "clip.mp4", "first")
    make(root / "two" / "clip.mp4", "other")
    paths = service.import_user_media("club", component="../../spotlight")
    assert sorted(path.read_text() for path in paths) == ["first", "other"]
    assert all((tmp_path / "imported") in path.resolve().parents for path in paths)

    def refuse(*_: object) -> None:
        raise AssertionError("was fetched again")

    monkeypatch.setattr(LocalFolderDrive, "download", refuse)
    assert service.import_user_media("club", component="../../spotlight") == paths
    monkeypatch.undo()
    make(root / "one" / "clip.mp4", "a new version")
    newer = service.import_user_media("club", component="../../spotlight")
    assert sorted(path.read_text() for path in newer) == ["a new version", "other"]
    assert sorted(path.read_text() for path in paths) == ["first", "other"]


def test_export_has_a_manifest_and_can_be_run_again(
    service: JarvisClientStorageService, root: Path, tmp_path: Path
) -> None:
    report = make(tmp_path / "r" / "report.html", "report")
    clip = make(tmp_path / "r" / "goal.mp4", "goal")
    folder = service.create_shared_folder("Results", "club")
    results = {"report.html": report, "clips/goal.mp4": clip}
    ids = service.export_results(results, "club", folder)
    assert ids == ["Results/report.html", "Results/clips/goal.mp4"]
    manifest = json.loads((root / "Results" / "manifest.json").read_text())
    assert [(f["file"], f["size"]) for f in manifest["files"]] == [
        ("clips/goal.mp4", 4),
        ("report.html", 6),
    ]
    assert all(len(f["sha256"]) == 64 for f in manifest["files"])
    before = _written(root / "Results")
    assert service.export_results(results, "club", folder) == ids
    assert _written(root / "Results") == before


def test_export_replaces_its_own_files_and_keeps_those_of_people(
    service: JarvisClientStorageService, root: Path, tmp_path: Path
) -> None:
    report = make(tmp_path / "report.html", "one")
    notes = make(tmp_path / "notes.txt", "ours")
    service.export_results([report, notes], "club")
    make(root / "notes.txt", "edited by the coach")
    make(root / "own.txt", "the coach's")
    make(report, "two, and longer")
    make(notes, "ours, version 2")
    ids = service.export_results([report, notes], "club")
    assert ids == ["report.html", "notes (2).txt"]
    manifest = json.loads((root / "manifest.json").read_text())
    assert [f["file"] for f in manifest["files"]] == ["notes (2).txt", "notes.txt", "report.html"]
    files = visible(root)
    del files["manifest.json"]
    assert files == {
        "report.html": "two, and longer",
        "notes.txt": "edited by the coach",
        "notes (2).txt": "ours, version 2",
        "own.txt": "the coach's",
    }


def test_a_complete_export_trashes_what_is_stale(
    service: JarvisClientStorageService, root: Path, tmp_path: Path
) -> None:
    files = {f"clips/{n}.mp4": make(tmp_path / f"{n}.mp4", str(n)) for n in range(3)}
    service.export_results(files, "club", complete=True)
    make(root / "clips" / "1.mp4", "edited by the coach")
    service.export_results({"clips/0.mp4": files["clips/0.mp4"]}, "club", complete=True)
    assert set(visible(root)) == {"manifest.json", "clips/0.mp4", "clips/1.mp4"}
    manifest = json.loads((root / "manifest.json").read_text())
    assert [f["file"] for f in manifest["files"]] == ["clips/0.mp4"]
    assert len(list((root / ".jarvis" / "trash").rglob("2.mp4"))) == 1


def test_two_exports_to_one_folder_add_up(
    service: JarvisClientStorageService, root: Path, tmp_path: Path
) -> None:
    service.export_results([make(tmp_path / "a.txt", "a")], "club")
    service.export_results([make(tmp_path / "b.txt", "b")], "club")
    manifest = json.loads((root / "manifest.json").read_text())
    assert [f["file"] for f in manifest["files"]] == ["a.txt", "b.txt"]


@pytest.mark.parametrize("newer", ["new content", "newer still"])
def test_an_interrupted_export_is_finished_by_the_next(
    service: JarvisClientStorageService,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    newer: str,
) -> None:
    files = [make(tmp_path / f"{n}.txt", "old") for n in range(3)]
    service.export_results(files, "club")
    for path in files:
        path.write_text("new content")
    true_upload = LocalFolderDrive.upload

    def fail_at_last(self: LocalFolderDrive, path: Path, *args: object, **kw: object) -> object:
        if path.name == "2.txt":
            raise TransientError("The drive went away.")
        return true_upload(self, path, *args, **kw)  # type: ignore[arg-type]

    monkeypatch.setattr(LocalFolderDrive, "upload", fail_at_last)
    with pytest.raises(TransientError):
        service.export_results(files, "club")
    monkeypatch.undo()
    for path in files:
        path.write_text(newer)
    ids = service.export_results(files, "club")
    assert ids == ["0.txt", "1.txt", "2.txt"]
    assert {k: v for k, v in visible(root).items() if k != "manifest.json"} == dict.fromkeys(
        ids, newer
    )
    manifest = json.loads((root / "manifest.json").read_text())
    assert [entry["file"] for entry in manifest["files"]] == ids
    assert "pending" not in manifest


def test_a_damaged_manifest_is_made_anew(
    service: JarvisClientStorageService, root: Path, tmp_path: Path
) -> None:
    make(root / "manifest.json", '{"files": "no"}')
    service.export_results([make(tmp_path / "a.txt", "a")], "club")
    assert json.loads((root / "manifest.json").read_text())["jarvis_manifest"] == 1


@pytest.mark.parametrize("name", ["../x", "a/../../x", "", "/x", "a//b", "manifest.json"])
def test_export_names_cannot_leave_the_folder(
    service: JarvisClientStorageService, root: Path, tmp_path: Path, name: str
) -> None:
    with pytest.raises(BadInputError):
        service.export_results({name: make(tmp_path / "a.txt", "a")}, "club")
    assert visible(root) == {}


def test_export_refuses_what_is_not_a_list_of_files(
    service: JarvisClientStorageService, root: Path, tmp_path: Path
) -> None:
    a, b = make(tmp_path / "1" / "x.txt", "1"), make(tmp_path / "2" / "X.txt", "2")
    for bad in ([a, b], "x.txt", [tmp_path / "none"], [tmp_path]):
        with pytest.raises(BadInputError):
            service.export_results(bad, "club")
    assert visible(root) == {}


def test_sharing_a_local_folder_is_said_to_be_impossible(
    service: JarvisClientStorageService, root: Path
) -> None:
    with pytest.raises(NotSupportedError, match="cannot share"):
        service.create_shared_folder("Team", "club", ["coach@example.org"])
    assert not (root / "Team").exists()
    with pytest.raises(BadInputError, match="owner"):
        service.create_shared_folder("Team", "club", role="owner")
    assert service.create_shared_folder("Team", "club") == "Team"
    assert service.create_shared_folder("Team", "club") == "Team"


def test_config_is_strict_and_documented() -> None:
    for model in (ClientStorageConfig, LocalDriveConfig):
        assert all(field.description for field in model.model_fields.values())
    with pytest.raises(ValueError, match="kind"):
        LocalDriveConfig.model_validate({"kind": "ftp", "root": "x"})


def _written(folder: Path) -> dict[Path, tuple[int, int]]:
    """Which file each name is, and when it was last written; reading one changes neither."""
    found = ((path, path.stat()) for path in folder.rglob("*") if path.is_file())
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found}
