"""`jarvis drive`: files in and out, nothing overwritten, what a drive cannot do is said."""

import json
from pathlib import Path

import pytest

from jarvis_dagster.services.client_storage.address import Address
from jarvis_dagster.settings import load_settings
from tests.cli.test_cli import jarvis


@pytest.fixture
def club(tmp_path: Path) -> Path:
    """The root of the one drive of the settings."""
    root = load_settings().data_dir / "drive"
    (root / "Uploads" / "Away").mkdir(parents=True)
    (root / "Uploads" / "game.mp4").write_bytes(b"frames" * 100)
    (root / "Uploads" / "Away" / "notes.txt").write_text("words")
    return root


@pytest.mark.parametrize(
    ("text", "drive", "path"),
    [
        ("club:Results/Final", "club", "Results/Final"),
        ("club:", "club", ""),
        ("", "local", ""),
        ("Results", "local", "Results"),
        ("Q: who won?", "local", "Q: who won?"),
        ("local:/a//b/", "local", "a/b"),
    ],
)
def test_an_address_names_a_drive_and_a_path(text: str, drive: str, path: str) -> None:
    assert Address.parse(text, "local", {"local", "club"}) == Address(drive, path)


def test_a_folder_is_listed(club: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = jarvis("drive", "ls", "local:Uploads", capsys=capsys)
    assert code == 0
    assert "Uploads/Away/" in out
    assert "600 bytes" in out
    code, out, _ = jarvis("drive", "ls", "-r", "--json", "Uploads", capsys=capsys)
    listed = {entry["path"]: entry["size"] for entry in json.loads(out)}
    assert listed == {
        "Uploads/Away": 0,
        "Uploads/Away/notes.txt": 5,
        "Uploads/game.mp4": 600,
    }


def test_an_empty_folder_is_said_to_be_empty(
    club: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (club / "Empty").mkdir()
    assert jarvis("drive", "ls", "Empty", capsys=capsys)[:2] == (0, "The folder is empty.\n")


def test_what_is_not_there_is_one_line(club: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (("ls", "None"), ("get", "None"), ("share", "None", "a@b.example"), ("who", "No")):
        code, _, err = jarvis("drive", *words, capsys=capsys)
        assert code == 2
        assert "There is no No" in err
        assert len(err.strip().splitlines()) == 1


def test_a_folder_comes_and_nothing_is_overwritten(
    club: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "here"
    assert jarvis("drive", "get", "local:Uploads", target, capsys=capsys)[0] == 0
    assert (target / "Uploads" / "Away" / "notes.txt").read_text() == "words"
    (target / "Uploads" / "game.mp4").write_bytes(b"mine")
    code, out, _ = jarvis("drive", "get", "local:Uploads", target, capsys=capsys)
    assert code == 0
    assert str(target / "Uploads" / "game (2).mp4") in out
    assert (target / "Uploads" / "game.mp4").read_bytes() == b"mine"
    assert len([path for path in target.rglob("*") if path.is_file()]) == 3
    jarvis("drive", "get", "local:Uploads", target, capsys=capsys)  # once more: nothing new
    assert len([path for path in target.rglob("*") if path.is_file()]) == 3


def test_files_and_folders_go_up(
    club: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "Season"
    (folder / "Deep").mkdir(parents=True)
    (folder / "Deep" / "clip.mp4").write_bytes(b"clip")
    (tmp_path / "single.txt").write_text("single")
    words = ("drive", "put", folder, tmp_path / "single.txt", "--to", "local:Training/New")
    code, out, _ = jarvis(*words, capsys=capsys)
    assert code == 0
    assert out.split() == ["Training/New/Season/Deep/clip.mp4", "Training/New/single.txt"]
    assert (club / "Training" / "New" / "Season" / "Deep" / "clip.mp4").read_bytes() == b"clip"
    assert jarvis(*words, capsys=capsys)[1] == out  # the same again changes nothing
    code, _, err = jarvis("drive", "put", tmp_path / "none", "--to", "x", capsys=capsys)
    assert code == 2
    assert "none does not exist" in err


def test_a_folder_of_this_machine_has_no_people(
    club: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ("share", "Uploads", "coach@example.org"),
        ("share", "Uploads", "--link"),
        ("unshare", "Uploads", "coach@example.org"),
        ("who", "Uploads"),
    ):
        code, _, err = jarvis("drive", *words, capsys=capsys)
        assert code == 1
        assert "cannot share" in err
    code, _, err = jarvis("drive", "share", "Uploads", capsys=capsys)
    assert code == 2
    assert "Name people, or --link" in err
    code, _, err = jarvis("drive", "login", "local", capsys=capsys)
    assert (code, "needs no sign-in" in err) == (1, True)
    code, _, err = jarvis("drive", "login", "nobody", capsys=capsys)
    assert (code, "There is no drive named 'nobody'" in err) == (1, True)


def test_the_drives_are_asked(club: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = jarvis("drive", "status", "--json", capsys=capsys)
    assert code == 0
    (state,) = json.loads(out)
    assert (state["name"], state["kind"], state["error"]) == ("local", "local", "")
    assert state["quota"]["total"] > state["quota"]["used"] > 0
