"""``jarvis storage``: what a person types and sees."""

from __future__ import annotations

import json
import random
import sys
from typing import TYPE_CHECKING, Protocol

import pytest
import yaml

from tests.services.storage_tools import flip, overwrite, raw_bytes, service_of

if TYPE_CHECKING:
    from pathlib import Path

    from jarvis_dagster.services.storage import JarvisStorageService
    from tests.servers import Server


class Jarvis(Protocol):
    def __call__(self, *words: object) -> tuple[int, str, str]: ...


@pytest.fixture
def service(object_store: Server) -> JarvisStorageService:
    return service_of(object_store)


@pytest.fixture
def jarvis(
    service: JarvisStorageService,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Jarvis:
    from jarvis_dagster import cli

    storage = service.config.model_dump(mode="json", exclude_defaults=True)
    storage["secret_key"] = service.config.secret_key.get_secret_value()
    config = tmp_path / "config.yaml"
    config.write_text(
        yaml.safe_dump({"storage": storage, "stack": {"data_dir": str(tmp_path / "data")}})
    )
    monkeypatch.setenv("JARVIS_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "160")

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["jarvis", "storage", *map(str, words)])
        try:
            cli.main()
            code: object = 0
        except SystemExit as stop:
            code = stop.code
        out, err = capsys.readouterr()
        return code if isinstance(code, int) else 0, out, err

    return run


@pytest.fixture
def net(tmp_path: Path) -> Path:
    path = tmp_path / "net.onnx"
    path.write_bytes(random.Random(1).randbytes(5000))
    return path


def test_a_model_and_its_versions(jarvis: Jarvis, net: Path, tmp_path: Path) -> None:
    first = jarvis("put", net, "-k", "models")[1].strip()
    content = net.read_bytes()
    net.write_bytes(random.Random(2).randbytes(6000))
    second = jarvis("put", net, "-k", "models")[1].strip()
    assert jarvis("alias", "net.onnx", "champion", 1)[0] == 0
    code, out, _ = jarvis("history", "net.onnx")
    assert code == 0
    assert first in out
    assert second in out
    assert "champion" in out
    assert json.loads(jarvis("diff", first, 1, 2)[1])["content"] == {
        "differs": True,
        "bytes": [5000, 6000],
    }
    code, out, _ = jarvis("rollback", "net.onnx", 1)
    assert (code, out) == (0, f"Version 3 is version 1 again ({first}).\n")
    assert jarvis("get", "net.onnx", tmp_path / "out", "-k", "models")[0] == 0
    assert (tmp_path / "out").read_bytes() == content
    listed = json.loads(jarvis("ls", "-k", "models", "--json")[1])
    assert [(m["id"], m["version"], m["aliases"]) for m in listed] == [
        (first, 3, ["champion"]),
        (second, 2, []),
    ]
    numbers = [v["number"] for v in json.loads(jarvis("history", first, "--json")[1])]
    assert numbers == [1, 2, 3]


def test_the_trash(jarvis: Jarvis, net: Path, tmp_path: Path) -> None:
    item = jarvis("put", net)[1].strip()
    assert "restore" in jarvis("rm", item)[1]
    assert "already" in jarvis("rm", item)[1]
    code, out, _ = jarvis("get", item, tmp_path / "out")
    assert code == 1
    assert "in the trash" in out
    assert "Nothing was changed" in jarvis("prune", "--dry-run")[1]
    assert jarvis("restore", item)[0] == 0
    assert jarvis("restore", item)[0] == 1
    assert jarvis("pin", item)[0] == 0
    code, _, err = jarvis("rm", item)
    assert code == 1
    assert "pinned" in err
    assert jarvis("pin", item, "--off")[0] == 0
    assert json.loads(jarvis("prune", "--json")[1]) == []


def test_verify_names_the_damage_and_fails(
    jarvis: Jarvis, service: JarvisStorageService, net: Path
) -> None:
    item = jarvis("put", net)[1].strip()
    assert jarvis("verify")[:2] == (0, "Everything is as it was stored.\n")
    bucket, key = service.config.artifacts_bucket, f"artifacts/{item}/net.onnx"
    overwrite(service, bucket, key, flip(raw_bytes(service, bucket, key), 77))
    code, out, _ = jarvis("verify", "--json")
    assert code == 1
    assert [found["url"] for found in json.loads(out)] == [f"s3://{bucket}/{key}"]
    assert key in jarvis("verify")[1].replace("\n", "")


def test_keys_are_made_and_rotated(
    jarvis: Jarvis, net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, _, err = jarvis("rotate-key")
    assert code == 1
    assert "no key" in err
    old, new = (jarvis("new-key")[1].strip() for _ in range(2))
    assert old != new
    monkeypatch.setenv("JARVIS_STORAGE_KEYS", old)
    item = jarvis("put", net)[1].strip()
    monkeypatch.setenv("JARVIS_STORAGE_KEYS", f"{new} {old}")
    assert jarvis("rotate-key")[1].startswith("2 changed")
    monkeypatch.setenv("JARVIS_STORAGE_KEYS", new)
    assert jarvis("get", item, tmp_path / "out")[0] == 0
    monkeypatch.setenv("JARVIS_STORAGE_KEYS", old)
    code, _, err = jarvis("get", item, tmp_path / "other")
    assert code == 1
    assert "needs the key" in err
    assert old not in err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("ls", "-k", "nonsense"), "not a kind"),
        (("history", "nobody"), "nobody"),
        (("get", "nobody", "out"), "nobody"),
        (("put", "none.bin"), "none.bin"),
        (("rollback", "nobody", "1"), "nobody"),
    ],
)
def test_mistakes_are_one_line(jarvis: Jarvis, words: tuple[str, ...], says: str) -> None:
    code, _, err = jarvis(*words)
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_buckets_that_are_missing_are_made(jarvis: Jarvis, service: JarvisStorageService) -> None:
    for _ in range(2):  # a second time there is nothing to do
        code, out, _ = jarvis("init")
        assert code == 0
        assert all(bucket in " ".join(out.split()) for bucket in service.config.buckets)
    service.check()
