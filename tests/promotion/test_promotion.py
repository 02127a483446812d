"""From a file to the champion and back, on a real registry and a real store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.champions import chosen_detector
from jarvis_dagster.errors import BadInputError, ConflictError, TransientError
from jarvis_dagster.hockey.promotion import freeze, open_frozen
from jarvis_dagster.promoting import Promoter
from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services
from tests.promotion.conftest import in_use
from tests.servers import free_ports

if TYPE_CHECKING:
    from pathlib import Path

    from tests.promotion.conftest import Jarvis


@pytest.mark.timeout(900)  # networks on a busy machine
def test_the_way_of_a_model(
    jarvis: Jarvis,
    labelled_games: Path,
    detectors: dict[str, Path],
    tmp_path: Path,
) -> None:
    name = load_settings().promotion.model
    code, out, err = jarvis("models", "promote")
    assert code == 2
    assert "has no challenger" in err
    assert in_use(load_settings()).path is None

    assert "version 1 is the challenger" in jarvis("models", "register", detectors["shy"])[1]
    code, _, err = jarvis("models", "promote")
    assert code == 2
    assert "no frozen games" in err
    code, out, err = jarvis("models", "freeze-games", labelled_games)
    assert (code, "6 pictures of 6 videos" in out, err) == (0, True, "")
    assert "version 1" in jarvis("models", "freeze-games", labelled_games)[1]  # the same content

    page = tmp_path / "decision.html"
    code, out, _ = jarvis("models", "promote", "--out", page)
    assert code == 3  # it finds less than the packaged one
    assert "not promoted" in out
    assert "Not promoted" in page.read_text("utf-8")
    assert in_use(load_settings()).path is None

    with core_services(load_settings()) as core:
        registry = core.experiment_service
        registry.move_alias(name, "champion", "1", by="test", why="To be beaten.")
        jarvis("models", "register", detectors["good"])
        assert registry.model(name, "Staging").version == "2"  # type: ignore[union-attr]
        code, out, _ = jarvis("models", "promote", name, "--dry-run", "--json")
        tried = json.loads(out)
        assert (code, tried["moved"], tried["verdict"]["promoted"]) == (0, False, True)
        code, out, _ = jarvis("models", "promote", "--out", page)
        assert code == 0
        assert f"{name} version 2: promoted" in out
        stages = {v.version: (v.stage, v.aliases) for v in registry.versions(name)}
        assert stages == {"2": ("Production", ("champion",)), "1": ("Archived", ())}
        last = [m for m in registry.moves(name) if m.alias == "champion"][-1]
        assert (last.came_from, last.to, last.how) == ("1", "2", "promotion")
        kept = tmp_path / "kept.html"
        assert core.storage_service.retrieve(last.decision, kept)
        assert kept.read_text("utf-8") == page.read_text("utf-8")
        record = json.loads(kept.read_text().split('id="record">')[1].split("</script>")[0])
        assert record["champion"]["version"] == "1"
        assert record["games"]["videos"] == 6
        assert record["code"]["sha256"]

        decided = next(r for r in registry.runs("promotion") if r.tags.get("jarvis.sources"))
        code, out, _ = jarvis("experiment", "reproduce", decided.run_id, "--json")
        again = json.loads(out)
        assert code == 0
        assert again["agrees"]
        assert again["data"] == ["challenger", "champion", "games"]
        gain = next(f for f in again["figures"] if f["name"] == "gain.recall.estimate")
        assert gain["again"] == pytest.approx(gain["recorded"], abs=1e-6)

        chosen = in_use(load_settings())
        assert chosen.registered == f"{name} 2"
        assert chosen.path is not None
        assert chosen.path.read_bytes() == detectors["good"].read_bytes()

        assert "version 1 (it was version 2)" in jarvis("models", "rollback", name)[1]
        assert "packaged detector is used" in jarvis("models", "rollback")[1]
        assert registry.model(name, "champion") is None
        code, _, err = jarvis("models", "rollback")
        assert code == 2
        assert "nothing to go back to" in err

    out = jarvis("models", "show", name)[1]
    assert out.count("rollback") == 2
    assert "promote: " in out
    listed = json.loads(jarvis("models", "list", "--json")[1])
    assert {v["version"] for v in listed if v["name"] == name} == {"1", "2"}


def test_the_last_champion_is_used_while_mlflow_is_away(
    jarvis: Jarvis, detectors: dict[str, Path]
) -> None:
    settings = load_settings()
    (port,) = free_ports(1)
    away = JarvisExperimentService(
        ExperimentConfig(tracking_uri=f"http://127.0.0.1:{port}", attempts=1)
    )
    jarvis("models", "register", detectors["good"])
    with pytest.raises(TransientError, match="No champion was used on this machine"):
        chosen_detector(settings, lambda: away)
    with core_services(settings) as core:
        core.experiment_service.move_alias(
            settings.promotion.model, "champion", "1", by="test", why="The first."
        )
    before = in_use(settings)
    after = chosen_detector(settings, lambda: away)
    assert (after.path, after.registered) == (before.path, before.registered)
    assert "last champion known here" in after.told
    assert after.path is not None
    after.path.write_bytes(b"damaged")
    with pytest.raises(TransientError, match="No champion"):
        chosen_detector(settings, lambda: away)
    again = in_use(settings)
    assert again.path is not None
    assert again.path.read_bytes() == detectors["good"].read_bytes()


def test_what_is_not_judged(
    jarvis: Jarvis, labelled_games: Path, detectors: dict[str, Path], tmp_path: Path
) -> None:
    settings = load_settings()
    jarvis("models", "freeze-games", labelled_games)
    jarvis("models", "register", detectors["good"], "--trained-on", "game 3")
    code, out, _ = jarvis("models", "promote")
    assert (code, "was trained on game 3" in out) == (3, True)

    with core_services(settings) as core:
        promoter, registry = Promoter(settings, core), core.experiment_service
        model = promoter.arena.model
        registry.move_alias(model, "champion", "1", by="test", why="x")
        same = promoter.decide(by="test")
        assert same.record["verdict"]["reasons"] == (
            "The challenger is the same file as the champion.",
        )
        with pytest.raises(BadInputError, match="same file"):
            promoter.apply(same)
        broken = tmp_path / "broken.onnx"
        broken.write_bytes(b"no network")
        with registry.run("broken") as log:
            log.model(broken, model)
        cannot = promoter.decide("2", by="test")
        assert "cannot be measured" in cannot.record["verdict"]["reasons"][0]
        assert "Not promoted" in cannot.page
        with pytest.raises(ConflictError, match="by now"):
            registry.move_alias(
                promoter.arena.model, "champion", "2", by="x", why="y", expected="7"
            )
    code, _, err = jarvis("models", "register", broken)
    assert code == 2
    assert "not an ONNX model" in err
    assert jarvis("models", "promote", "hockey_ice")[0] == 1


def test_frozen_games_are_the_same_file_for_the_same_content(
    labelled_games: Path, tmp_path: Path
) -> None:
    first, second = (freeze(labelled_games, tmp_path / name) for name in ("a.tar", "b.tar"))
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    opened = open_frozen(tmp_path / "a.tar", tmp_path / "opened")
    assert opened.sha256 == first.sha256 == second.sha256
    assert set(opened.videos.values()) == {1}
    fewer = freeze(labelled_games, tmp_path / "c.tar", videos=["game 1"])
    assert fewer.sha256 != first.sha256
    with pytest.raises(BadInputError, match="No frame is of game 9"):
        freeze(labelled_games, tmp_path / "d.tar", videos=["game 9"])
    content = bytearray((tmp_path / "a.tar").read_bytes())
    at = content.index(b"\xff\xd8\xff") + 200
    content[at] ^= 1
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(BadInputError, match="is damaged"):
        open_frozen(tmp_path / "a.tar", tmp_path / "again")
    (tmp_path / "e.tar").write_bytes(b"nothing")
    with pytest.raises(BadInputError, match="does not hold frozen games"):
        open_frozen(tmp_path / "e.tar", tmp_path / "none")
