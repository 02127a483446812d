"""The settings of the stack refuse what cannot work."""

from __future__ import annotations

from pathlib import Path

import pydantic
import pytest

from jarvis_dagster.stack import PROGRAM_NAMES, StackConfig, StackPorts


def test_defaults_stay_on_loopback_and_collide_with_nothing() -> None:
    config = StackConfig()
    assert config.is_loopback
    assert config.programs == PROGRAM_NAMES
    ports = [port for some in config.ports.by_setting().values() for port in some]
    assert len(ports) == len(set(ports)) == 19


def test_data_dir_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_DATA_DIR", "~/elsewhere")
    assert StackConfig().data_dir == Path.home() / "elsewhere"


def test_relative_data_dir_becomes_absolute(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert StackConfig(data_dir=Path("here")).data_dir == tmp_path / "here"


def test_one_port_for_two_servers_is_refused_by_name() -> None:
    with pytest.raises(pydantic.ValidationError, match=r"ports\.mlflow and ports\.temporal.* 7233"):
        StackPorts(mlflow=7233)
    with pytest.raises(pydantic.ValidationError, match="object_store"):
        StackPorts(dagster=18333)  # where the object store's gRPC is


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="extra"):
        StackConfig(port=1)  # type: ignore[call-arg]
    with pytest.raises(pydantic.ValidationError, match="programs"):
        StackConfig(programs=("object-stor",))  # type: ignore[arg-type]


def test_programs_are_put_in_start_order() -> None:
    config = StackConfig(programs=("worker", "temporal", "object-store"))
    assert config.programs == ("object-store", "temporal", "worker")


@pytest.mark.parametrize("model", [StackConfig, StackPorts])
def test_every_setting_is_described(model: type[pydantic.BaseModel]) -> None:
    assert all(field.description for field in model.model_fields.values())
