"""The command line: exit codes, one-line errors with a remedy, traces on request."""

import builtins
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jarvis_dagster import cli
from jarvis_dagster.assets.partitions import partition_key
from jarvis_dagster.claims import claim
from jarvis_dagster.services.files import sha256_file
from jarvis_dagster.settings import load_settings
from tests import media


def jarvis(*words: object, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, output and errors of a command, in this process."""
    before = sys.argv
    sys.argv = ["jarvis", *map(str, words)]
    try:
        cli.main()
        code: object = 0
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = before
    out, err = capsys.readouterr()
    return code if isinstance(code, int) else 0, out, err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone.mp4", None, "does not exist"),
        ("zero.mp4", b"", "zero.mp4"),
        ("text.mp4", b"just some text\n" * 100, "text.mp4"),
        ("half.mp4", b"\0\0\0\x18ftypmp42" + b"\0" * 500, "half.mp4"),
    ],
)
def test_what_is_no_video_is_one_line_that_names_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: bytes | None, says: str
) -> None:
    video = tmp_path / name
    if content is not None:
        video.write_bytes(content)
    code, _, err = jarvis("run", video, capsys=capsys)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("Error: ")


def test_a_full_disk_is_one_line_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    video = media.write_video(tmp_path / "game.mp4", media.pan(3))
    usage = shutil.disk_usage(tmp_path)._replace(free=100 << 20)
    with monkeypatch.context() as small:
        small.setattr(shutil, "disk_usage", lambda _: usage)
        code, _, err = jarvis("run", video, capsys=capsys)
    assert code == 1
    assert "too little room: 105 MB are free" in err
    assert "Free some space" in err
    assert len(err.strip().splitlines()) == 1

    out = tmp_path / "boxes.json"
    real = Path.write_text

    def full(path: Path, *words: Any, **options: Any) -> int:
        if path.parent == tmp_path:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        return real(path, *words, **options)

    monkeypatch.setattr(Path, "write_text", full)
    code, _, err = jarvis("detect", video, "--out", out, capsys=capsys)
    assert code == 1
    assert "No space is left on the disk" in err
    assert str(out) in err
    assert err.strip().splitlines()[-1].startswith("Error: ")


def test_a_library_that_the_system_lacks_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def lacking(name: str, *rest: Any, **named: Any) -> Any:
        if name.partition(".")[0] == "cv2":
            raise ImportError("libxcb.so.1: cannot open shared object file: No such file")
        return real(name, *rest, **named)

    video = media.write_video(tmp_path / "game.mp4", media.pan(3))
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(builtins, "__import__", lacking)
    code, _, err = jarvis("detect", video, "--out", tmp_path / "boxes.json", capsys=capsys)
    assert code == 1
    assert "library libxcb.so.1 is missing" in err
    assert "libxcb1" in err


@pytest.mark.parametrize("words", [("run", "--sample"), ("run", "game.mp4"), ("up",)])
def test_a_data_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
) -> None:
    media.write_video(tmp_path / "game.mp4", media.pan(3))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    monkeypatch.setenv("JARVIS_DATA_DIR", str(tmp_path / "file"))
    code, _, err = jarvis(*words, capsys=capsys)
    assert code in {1, 2}
    assert str(tmp_path / "file") in err
    assert "JARVIS_DATA_DIR" in err
    assert len(err.strip().splitlines()) == 1


def test_two_runs_of_one_video_do_not_meet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = media.write_video(tmp_path / "game.mp4", media.pan(3))
    key = partition_key("game.mp4", sha256_file(video))
    data = load_settings().data_dir
    with claim(data / "work" / key):
        code, _, err = jarvis("run", video, capsys=capsys)
    assert code == 1
    assert "is being analysed now, by another run" in err
    assert not (data / "drive" / "Jarvis AI" / "Uploads" / "game.mp4").exists()


def test_where_results_cannot_be_put_is_told_before_the_work(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = media.write_video(tmp_path / "game.mp4", media.pan(3))
    code, out, err = jarvis("run", video, "--output", video, capsys=capsys)
    assert code == 2
    assert "game.mp4 cannot be made a folder" in err
    assert out == ""


def test_a_folder_is_not_a_video(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = jarvis("run", tmp_path, capsys=capsys)
    assert code == 2
    assert "is a folder" in err


def test_the_trace_is_shown_on_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = jarvis("-v", "run", tmp_path / "gone.mp4", capsys=capsys)
    assert "Traceback" in err
    assert "does not exist" in err


def test_run_wants_one_video_or_the_sample(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = jarvis("run", capsys=capsys)
    assert code == 2
    assert "--sample" in err


@pytest.mark.parametrize("words", [("nonsense",), ("track",), ("run", "--nonsense")])
def test_usage_errors_have_their_own_exit_code(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert jarvis(*words, capsys=capsys)[0] == 2


def test_wrong_settings_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jarvis-core.yaml"
    path.write_text("vision: {speed: 9}", "utf-8")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    code, _, err = jarvis("config", "show", capsys=capsys)
    assert code == 1
    assert "vision.speed" in err
    assert str(path) in err.replace("\n", "")


def test_settings_are_shown_without_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jarvis-core.yaml"
    path.write_text("storage: {endpoint: 's3:9000', secret_key: hush-hush}", "utf-8")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    code, out, _ = jarvis("config", "show", "--json", capsys=capsys)
    assert code == 0
    assert json.loads(out)["storage"]["endpoint"] == "s3:9000"
    assert "hush-hush" not in out


def test_tracks_are_made_and_measured_from_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        (frame, who, 100 + 300 * who + 4 * frame, 200, 40, 90)
        for frame in range(1, 61)
        for who in (1, 2)
    ]
    truth, found, out = tmp_path / "gt.txt", tmp_path / "det.txt", tmp_path / "tracks.txt"
    truth.write_text("".join(f"{f},{i},{x},{y},{w},{h},1,1,1\n" for f, i, x, y, w, h in rows))
    found.write_text("".join(f"{f},-1,{x},{y},{w},{h},0.9\n" for f, _, x, y, w, h in rows))
    code, _, err = jarvis(
        "track", "--detections", found, "--size", "1280x720", "--fps", 30, "--out", out,
        capsys=capsys,
    )  # fmt: skip
    assert code == 0, err
    code, text, _ = jarvis(
        "evaluate", "tracker", "--ground-truth", truth, "--tracks", out, "--json", capsys=capsys
    )
    assert code == 0
    assert json.loads(text)["IDF1"] > 0.95


@pytest.mark.parametrize("out", [".", "file/tracks.txt"])
def test_where_nothing_can_be_written_is_told_before_the_work(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    out: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "pictures").mkdir()
    (tmp_path / "det.txt").write_text("1,-1,10,20,40,90,0.9\n")
    for words in (
        ("track", "--detections", "det.txt", "--size", "1280x720", "--fps", 30),
        ("detect", "pictures"),
    ):
        code, said, err = jarvis(*words, "--out", out, capsys=capsys)
        assert (code, said) == (2, "")
        assert err.startswith(f"Error: {out} ")
        assert len(err.strip().splitlines()) == 1


def test_a_single_picture_is_told_from_a_video(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "frame.PNG"
    picture.write_bytes(b"whatever it holds")
    code, _, err = jarvis("detect", picture, "--out", tmp_path / "o.json", capsys=capsys)
    assert code == 2
    assert "single picture" in err
    assert "folder" in err


def test_health_without_servers_fails_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, _ = jarvis("health", "--json", capsys=capsys)
    rows = {row["service"]: row for row in json.loads(out)}
    assert code == 1
    assert rows["storage_service"]["healthy"] is False
    assert rows["storage_service"]["remedy"]
    assert rows["client_storage_service"]["healthy"] is True


def test_the_module_can_be_run() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jarvis_dagster.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "evaluate" in done.stdout


_ENDS = """
import atexit, sys, threading, time, types
from jarvis_dagster.leaving import finish
if sys.argv[1] == "used":
    sys.modules["temporalio.bridge.temporal_sdk_bridge"] = types.ModuleType("sdk")
atexit.register(print, "what runs at exit")
def slowly():
    time.sleep(0.2)
    print("a thread", end=" ")
threading.Thread(target=slowly).start()
print("done", end=" ")
finish(3)
"""


@pytest.mark.parametrize("sdk", ["used", "unused"])
def test_a_process_ends_as_usual_with_and_without_temporal(sdk: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _ENDS, sdk], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (3, "")
    assert ended.stdout == "done a thread what runs at exit\n"
