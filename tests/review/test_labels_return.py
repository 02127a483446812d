"""Frames go out to be labelled and come back corrected, in every way that people do it."""

import json
import shutil
import zipfile
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from jarvis_dagster.cli import app
from jarvis_dagster.settings import load_settings
from jarvis_dagster.toolchain.store import DatasetStore
from jarvis_dagster.wiring import core_services
from tests.review.conftest import Club

pytestmark = pytest.mark.timeout(900)  # a whole analysis comes first, perhaps beside others


def jarvis(*words: str) -> str:
    done = CliRunner().invoke(app, ["review", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def unlabelled(club: Club) -> Club:
    """The club before anybody was asked to label frames, whichever test came first."""
    storage = core_services(load_settings()).storage_service
    for key in list(storage.versions_of("artifacts/")):
        if key.endswith("/labels/labelled.json"):
            storage.raw.delete(storage.config.artifacts_bucket, key)
    if club.training.exists():
        shutil.rmtree(club.training)
    club.cursors.pop("training_folder_sensor", None)
    return club


@pytest.fixture
def task(club: Club) -> Path:
    """The folder of a task in the drive."""
    if not club.training.exists():
        jarvis("export", "--count", "4", "--gap", "0.2")
    (folder,) = club.training.iterdir()
    return folder


def corrected_boxes(club: Club) -> dict[str, list[str]]:
    """Class of every box of the dataset of corrected frames, by picture."""
    settings = load_settings()
    storage = core_services(settings).storage_service
    data = DatasetStore(storage, settings.data_dir / "work" / "datasets").fetch("corrected")
    return {picture.name: sorted(picture.classes) for picture in data.pictures}


def test_the_list_says_why(unlabelled: Club) -> None:
    found = json.loads(jarvis("list", "game", "--count", "3", "--gap", "0.2", "--json"))
    assert found["frames"]
    assert all(row["reasons"] for row in found["frames"])
    worth = [row["worth"] for row in found["frames"]]
    assert worth == sorted(worth, reverse=True)


def test_frames_go_out_and_corrections_come_back(unlabelled: Club, task: Path) -> None:
    club = unlabelled
    record = json.loads((task / "task.json").read_text("utf-8"))
    items = {item["picture"]: item for item in record["items"]}
    assert 2 <= len(items) <= 4
    assert all(item["reasons"] and item["video"] == club.key for item in items.values())
    assert len(list((task / "yolo" / "images").iterdir())) == len(items)

    # Nothing was corrected yet, and the same task again changes nothing.
    before = {path: path.stat().st_mtime_ns for path in task.rglob("*")}
    assert club.labels() == []
    jarvis("export", "--count", "4", "--gap", "0.2")
    assert {path: path.stat().st_mtime_ns for path in task.rglob("*")} == before

    # A YOLO label is corrected where it is: the first box gets another class, the last goes.
    first, *others = sorted((task / "yolo" / "labels").iterdir())
    for path in others:
        club.age(path, 300)
    lines = first.read_text("utf-8").splitlines()
    kind = "1" if lines[0][0] != "1" else "2"
    first.write_text("\n".join([kind + lines[0][1:], *lines[1:-1]]) + "\n", "utf-8")
    club.age(first, 5)
    assert club.labels() == []  # they may be at it still
    club.age(first, 120)
    (request,) = club.labels()
    club.run("read_labels", request)
    told = club.metadata["toolchain/labels"]
    assert (told["frames"], told["frames_untouched"]) == (1, len(items) - 1)
    assert sum(told["renamed"].values()) == 1
    assert sum(told["removed"].values()) == 1
    kept = len(lines) - 2
    assert told["agreement"] == pytest.approx(2 * kept / (2 * (kept + 1) + 1), abs=1e-3)
    assert told["dataset"].startswith("corrected@")
    assert club.labels() == []

    # Exporting again leaves the corrected file alone.
    changed = first.read_text("utf-8")
    jarvis("export", "--count", "4", "--gap", "0.2")
    assert first.read_text("utf-8") == changed

    # CVAT brings all frames back, as XML without pictures.
    with zipfile.ZipFile(task / "cvat.zip") as packed:
        xml = packed.read("annotations.xml").decode()
    xml = xml.replace('label="player"', 'label="referee"', 1)
    (task / "annotations (1).xml").write_text(xml, "utf-8")
    club.age(task / "annotations (1).xml")
    (request,) = club.labels()
    club.run("read_labels", request)
    told = club.metadata["toolchain/labels"]
    assert told["frames"] == len(items)
    assert told["renamed"] == {"player -> referee": 1}
    assert told["box_agreement"] == 1.0
    boxes = corrected_boxes(club)
    assert set(boxes) == set(items)
    listed = json.loads(jarvis("list", "game", "--gap", "0.2", "--json"))["frames"]
    assert {row["frame"] for row in listed}.isdisjoint(item["frame"] for item in items.values())


def test_what_cannot_be_read_gets_a_note_that_goes_when_it_is_mended(
    club: Club, task: Path
) -> None:
    bad = task / "export.zip"
    bad.write_bytes(b"no zip at all")
    club.age(bad)
    (request,) = club.labels()
    with pytest.raises(dg.Failure):
        club.run("read_labels", request)
    note = task / "export.zip.problem.txt"
    assert "export.zip was not used" in note.read_text("utf-8")
    shutil.copy(task / "cvat.zip", bad)
    club.age(bad, 30)
    (request,) = club.labels()
    club.run("read_labels", request)
    assert club.metadata["toolchain/labels"]["agreement"] == 1.0
    assert not note.exists()
    bad.unlink()


def test_labels_of_other_pictures_are_refused(club: Club, task: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(task / "yolo", other)
    for path in [*(other / "images").iterdir(), *(other / "labels").iterdir()]:
        path.rename(path.with_name(f"x{path.name}"))
    (other / "groups.csv").unlink()
    done = CliRunner().invoke(app, ["review", "import", str(other)])
    assert "is of a review task" in str(done.exception)
