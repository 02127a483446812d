"""``jarvis backup``: what it prints, and its exit codes."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jarvis_dagster import cli
from tests.backup.installation import KEY, fill, state
from tests.backup.test_upkeep import write_config

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server


@pytest.fixture
def config(tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = write_config(tmp_path, object_store)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    fill(tmp_path / "data")
    return path


def backup(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of the command."""
    before = sys.argv
    sys.argv = ["jarvis", "backup", *map(str, words)]
    try:
        cli.main()
        code: Any = 0
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = before
    out, err = capsys.readouterr()
    return code or 0, out, err


def test_from_a_backup_to_an_installation_that_is_the_same(
    config: Path, tmp_path: Path, object_store: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = backup("create", "--json", capsys=capsys)
    assert code == 0
    (made,) = json.loads(out)
    code, out, _ = backup("list", capsys=capsys)
    assert code == 0
    assert made["id"] in out
    code, out, _ = backup("verify", capsys=capsys)
    assert code == 0
    assert "nothing damaged or missing" in out
    code, _, err = backup("restore", capsys=capsys)
    assert code == 2
    assert "not empty" in err
    config.write_text(config.read_text().replace(str(tmp_path / "data"), str(tmp_path / "other")))
    code, out, _ = backup("restore", made["id"][:20], "--json", capsys=capsys)
    assert code == 0
    assert json.loads(out)["entries"] == made["entries"]
    assert state(tmp_path / "other") == state(tmp_path / "data")
    code, _, err = backup("restore", "--at", "2001-01-01", capsys=capsys)
    assert code == 2
    assert "no snapshot up to 2001-01-01T00:00:00" in err


@pytest.mark.usefixtures("config")
def test_damage_is_named_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    backup("create", capsys=capsys)
    pack = max((tmp_path / "place/packs").rglob("*"), key=lambda one: one.stat().st_size)
    pack.write_bytes(pack.read_bytes()[:-1])
    code, out, _ = backup("verify", capsys=capsys)
    assert code == 1
    assert pack.name in out.replace("\n", "")
    code, out, _ = backup("verify", "--mend", capsys=capsys)
    assert code == 1
    assert backup("create", capsys=capsys)[0] == 0
    assert backup("verify", capsys=capsys)[0] == 0
    assert backup("verify", "--mend", "--quick", capsys=capsys)[0] == 2


def test_the_key_and_the_place_can_be_named(
    config: Path, tmp_path: Path, object_store: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    write_config(tmp_path, object_store, place=None, key=None)
    code, _, err = backup("list", capsys=capsys)
    assert code == 1
    assert "There is no place for backups" in err
    place = tmp_path / "elsewhere"
    code, _, err = backup("create", "--place", place, capsys=capsys)
    assert code == 0
    assert "A key was made" in err
    key = tmp_path / "data/secrets/backup.key"
    config.write_text(config.read_text().replace(str(tmp_path / "data"), str(tmp_path / "other")))
    code, _, err = backup("restore", "--place", place, capsys=capsys)
    assert code == 1
    assert "no key" in err
    wrong = tmp_path / "wrong"
    wrong.write_text(KEY)
    code, _, err = backup("list", "--place", place, "--key-file", wrong, capsys=capsys)
    assert code == 1
    assert "The key does not open" in err
    assert KEY not in err
    code, *_ = backup("restore", "--place", place, "--key-file", key, capsys=capsys)
    assert code == 0
    assert (tmp_path / "other/secrets/backup.key").read_text() == key.read_text()
    assert backup("create", "--place", place, capsys=capsys)[0] == 0


@pytest.mark.usefixtures("config")
def test_snapshots_can_be_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    ids = [json.loads(backup("create", "--json", capsys=capsys)[1])[0]["id"] for _ in range(2)]
    code, out, _ = backup("prune", "--drop", ids[0], capsys=capsys)
    assert (code, out.strip()) == (0, ids[0])
    code, _, err = backup("prune", "--drop", ids[0], capsys=capsys)
    assert code == 2
    assert f"no snapshot {ids[0]}" in err
    assert [one["id"] for one in json.loads(backup("list", "--json", capsys=capsys)[1])] == [ids[1]]


@pytest.mark.parametrize("place", ["s3://{bucket}/backups", "{data}/backups", "ftp://x/y"])
def test_a_place_that_is_none_is_refused(
    config: Path, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bucket = yaml.safe_load(config.read_text())["storage"]["artifacts_bucket"]
    place = place.format(data=tmp_path / "data", bucket=bucket)
    code, _, err = backup("create", "--place", place, capsys=capsys)
    assert code in {1, 2}
    assert "what is backed up" in err or "must be a folder" in err
