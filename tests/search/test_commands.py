"""What ``jarvis drive search`` and ``jarvis drive index`` print."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from jarvis_dagster.commands.search import index_drives, search_drives, show_index
from jarvis_dagster.errors import BadInputError, ConflictError, TransientError
from jarvis_dagster.services.client_storage import ClientStorageConfig, JarvisClientStorageService
from tests.search.shared_drive import SharedDrive

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.client_storage.search import SearchIndex

pytestmark = pytest.mark.usefixtures("quick")


class Screen:
    """A console that remembers."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self.console = Console(file=self._stream, width=80, force_terminal=False)

    def text(self) -> str:
        said = self._stream.getvalue()
        self._stream.truncate(0)
        self._stream.seek(0)
        return said


@pytest.fixture
def screen() -> Screen:
    return Screen()


@pytest.fixture
def service(tmp_path: Path) -> JarvisClientStorageService:
    config = ClientStorageConfig.model_validate(
        {"drives": {"club": {"root": tmp_path / "club"}}, "import_dir": tmp_path / "imports"}
    )
    service = JarvisClientStorageService(config)
    service.drive("club").check()
    return service


def test_from_nothing_to_a_hit(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "club" / "plan.txt").write_text("The neutral zone trap")
    (tmp_path / "club" / "noise.txt").write_bytes(bytes(range(256)))
    told: list[tuple[str, int, int]] = []
    assert index_drives(
        service, index, screen.console, progress=lambda *told_now: told.append(told_now)
    )
    said = screen.text()
    assert "club: 2 new" in said
    assert "1 cannot be read" in said
    assert told[-1] == ("club", 2, 2)
    assert search_drives(index, "trap", screen.console)
    said = screen.text()
    assert "club:plan.txt" in said
    assert "The neutral zone trap" in said
    assert "1 hit. Indexed: club just now." in said
    assert not search_drives(index, "absent", screen.console)
    assert "Nothing was found" in screen.text()
    assert index_drives(service, index, screen.console)
    assert "nothing changed" in screen.text()


def test_json(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "club" / "plan.txt").write_text("The neutral zone trap " + "and more " * 30)
    index_drives(service, index, screen.console)
    screen.text()
    search_drives(index, "trap", screen.console, as_json=True)
    (hit,) = json.loads(screen.text())
    assert (hit["path"], hit["marks"], hit["score"]) == ("plan.txt", [[17, 21]], 1.0)
    show_index(index, screen.console, as_json=True)
    assert json.loads(screen.text())["drives"][0]["with_text"] == 1


def test_the_operator_can_look_as_somebody_else(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "club" / "plan.txt").write_text("trap")
    index_drives(service, index, screen.console)
    assert not search_drives(index, "trap", screen.console, asker="ann@club.org")


def test_status_names_files_and_reasons(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "club" / "noise.txt").write_bytes(bytes(range(256)))
    index_drives(service, index, screen.console)
    screen.text()
    show_index(index, screen.console)
    assert "club:noise.txt is not text." in screen.text()


def test_names_do_not_speak_to_the_terminal(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen, tmp_path: Path
) -> None:
    (tmp_path / "club" / "trap\x1b[2J\u202etxt.exe").write_text("")
    (tmp_path / "club" / "trap [red]bold[red].txt").write_text("trap \x1b[31m")
    index_drives(service, index, screen.console)
    search_drives(index, "trap", screen.console)
    show_index(index, screen.console)
    said = screen.text()
    assert "\x1b" not in said
    assert "\u202e" not in said
    assert "[red]bold[red].txt" in said


def test_one_drive_that_fails_does_not_stop_the_others(
    index: SearchIndex,
    service: JarvisClientStorageService,
    screen: Screen,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "club" / "plan.txt").write_text("trap")
    config = service.config.model_copy(
        update={"drives": {"a": service.config.drives["club"], **service.config.drives}}
    )
    both = JarvisClientStorageService(config)

    def fail(*_: object) -> str:
        raise TransientError("The drive is away.")

    monkeypatch.setattr(both.drive("a"), "start_token", fail)
    assert not index_drives(both, index, screen.console)
    assert "a: The drive is away." in screen.text()
    assert search_drives(index, "trap", screen.console)


def test_a_drive_that_left_the_settings_leaves_the_index(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen
) -> None:
    from jarvis_dagster.services.client_storage.search import index_drive

    old = SharedDrive()
    old.add("plan.txt", b"trap")
    index_drive(index, "old", old)
    index_drives(service, index, screen.console, drives=["club"])
    assert len(index.search("trap")) == 1
    index_drives(service, index, screen.console)
    assert index.search("trap") == []
    assert "old: is no longer in the settings" in screen.text()


def test_a_drive_that_is_not_there_is_named(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen
) -> None:
    index_drives(service, index, screen.console)
    with pytest.raises(BadInputError, match="There are: club"):
        search_drives(index, "trap", screen.console, drive="clubb")


def test_two_at_once(
    index: SearchIndex, service: JarvisClientStorageService, screen: Screen
) -> None:
    with index.writing(), pytest.raises(ConflictError):
        index_drives(service, index, screen.console)
