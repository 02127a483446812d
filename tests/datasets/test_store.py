"""Versions in a real object store, and the commands over it."""

from __future__ import annotations

import json
import shutil
import uuid
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.hockey.datasets import read_dataset
from jarvis_dagster.services.client_storage import ClientStorageConfig, LocalDriveConfig
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.toolchain.sources import dataset_name, local_source
from jarvis_dagster.toolchain.store import DatasetStore
from tests.cli.test_cli import jarvis
from tests.datasets import pictures
from tests.installation import write_settings
from tests.services.storage_tools import service_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

VIDEOS = {"game_a": 2, "game_b": 2}


@pytest.fixture
def name() -> str:
    return f"rink-{uuid.uuid4().hex[:8]}"


def test_the_same_content_twice_is_one_version(object_store: Server, tmp_path: Path) -> None:
    store = DatasetStore(service_of(object_store), tmp_path / "work")
    pictures.yolo(tmp_path / "yolo", VIDEOS)
    pictures.coco(tmp_path / "coco", VIDEOS)
    with read_dataset(tmp_path / "yolo", "rink") as dataset:
        first, is_new = store.save(dataset)
        assert (first.number, is_new) == (1, True)
    with read_dataset(tmp_path / "coco", "rink") as dataset:
        assert store.save(dataset) == (first, False)
    (tmp_path / "yolo" / "labels" / "game_a_001.txt").write_text("0 0.5 0.5 0.1 0.3\n")
    with read_dataset(tmp_path / "yolo", "rink") as dataset:
        second, is_new = store.save(dataset)
    assert (second.number, is_new) == (2, True)
    assert [one.ref for one in store.list("rink")] == [second.ref, first.ref]
    assert store.find("rink") == second
    assert store.find("rink@1") == store.find(first.ref) == first

    fetched = store.fetch("rink@1")
    assert fetched.version == first.version
    label = store.folder_of(fetched) / "labels" / "game_a_001.txt"
    label.write_text("0 0.1 0.1 0.1 0.1\n")  # somebody tampers with what was fetched
    assert store.fetch("rink@1").version == first.version
    for wrong in ("none", "rink@9", "rink@zzzz"):
        with pytest.raises(BadInputError, match=r"There (is|are)"):
            store.find(wrong)
    with pytest.raises(BadInputError, match="no name"), read_dataset(tmp_path / "yolo", "a/b") as d:
        store.save(d)


def test_datasets_come_from_a_drive_and_from_the_store(
    object_store: Server, tmp_path: Path
) -> None:
    storage = service_of(object_store)
    core = JarvisCoreServices(
        storage=storage.config,
        client_storage=ClientStorageConfig(
            drives={"club": LocalDriveConfig(root=tmp_path / "club")},
            import_dir=tmp_path / "imports",
        ),
    )
    pictures.yolo(tmp_path / "club" / "Jarvis AI" / "Training" / "Rink 2", VIDEOS)
    with (
        local_source("club:Jarvis AI/Training/Rink 2", lambda: core) as folder,
        read_dataset(folder, "a") as dataset,
    ):
        version = dataset.version
        assert len(dataset.pictures) == 4
    archive = shutil.make_archive(
        str(tmp_path / "packed"), "zip", tmp_path / "club" / "Jarvis AI" / "Training" / "Rink 2"
    )
    zipped = tmp_path / "club" / "Zipped"
    zipped.mkdir()
    shutil.copy(archive, zipped / "task.zip")
    storage.put_file("datasets/task.zip", archive, storage.config.datasets_bucket)
    for source in (
        "club:Zipped/task.zip",
        "club:Zipped",
        f"s3://{storage.config.datasets_bucket}/datasets/task.zip",
    ):
        with local_source(source, lambda: core) as path, read_dataset(path, "a") as dataset:
            assert dataset.version == version
    for source in ("club:Nowhere", "nowhere/at/all", "club:"):
        with pytest.raises(BadInputError, match="There is no"), local_source(source, lambda: core):
            pass
    assert dataset_name("club:Jarvis AI/Training/Rink 2.zip") == "rink_2"
    core.close()


@pytest.fixture
def config(tmp_path: Path, object_store: Server, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = write_settings(tmp_path, object_store)
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    return path


@pytest.mark.usefixtures("config")
def test_the_commands(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    pictures.yolo(tmp_path / "in", VIDEOS)
    code, out, err = jarvis("dataset", "import", tmp_path / "in", "--name", name, capsys=capsys)
    assert code == 0, err
    ref = out.strip()
    assert ref.startswith(f"{name}@")
    assert "4 pictures of 2 videos" in err
    code, out, err = jarvis("dataset", "import", tmp_path / "in", "--name", name, capsys=capsys)
    assert (code, out.strip()) == (0, ref)
    assert "already" in err

    code, out, _ = jarvis("dataset", "list", name, "--json", capsys=capsys)
    assert [row["ref"] for row in json.loads(out)] == [ref]
    code, out, _ = jarvis("dataset", "show", ref, "--json", capsys=capsys)
    assert json.loads(out)["videos"] == {"game_a": 2, "game_b": 2}
    code, out, _ = jarvis("dataset", "show", ref, "--against", tmp_path / "in", capsys=capsys)
    assert code == 0
    assert "same" in out

    code, out, _ = jarvis(
        "dataset", "split", ref, "--test", "game_b", "--out", tmp_path / "s.json", capsys=capsys
    )
    assert code == 0
    assert json.loads((tmp_path / "s.json").read_text())["test"] == ["game_b"]

    code, out, _ = jarvis("dataset", "check", ref, "--out", tmp_path / "report", capsys=capsys)
    assert code == 0
    assert (tmp_path / "report" / "report.html").is_file()
    assert "goalkeeper" in out  # few of them

    code, out, _ = jarvis("dataset", "export", ref, tmp_path / "cvat.zip", "--format", "cvat",
                          capsys=capsys)  # fmt: skip
    assert code == 0
    code, _, err = jarvis("dataset", "export", ref, tmp_path / "cvat.zip", capsys=capsys)
    assert code == 2
    with read_dataset(tmp_path / "cvat.zip", "back") as back:
        assert back.version.startswith(ref.split("@")[1])


def test_without_a_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures.yolo(tmp_path / "in", {"only": 3})
    code, out, _ = jarvis(
        "dataset", "import", tmp_path / "in", "--to", tmp_path / "form", capsys=capsys
    )
    assert (code, out.strip()) == (0, str(tmp_path / "form"))
    code, out, _ = jarvis("dataset", "check", tmp_path / "form", "--json", capsys=capsys)
    assert code == 1  # one video: nothing could be evaluated
    assert json.loads(out)["findings"][0]["name"] == "one_video"
    code, out, _ = jarvis("dataset", "show", tmp_path / "form", capsys=capsys)
    assert code == 0
    assert "only" in out
