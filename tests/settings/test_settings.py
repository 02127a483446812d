"""The settings: merging, references, errors that name key and file, documentation."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pydantic
import pytest

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.settings import Settings, load_settings
from jarvis_dagster.settings_docs import document, every_key

ROOT = Path(__file__).parents[2]


def write(folder: Path, core: str, **overlays: str) -> Path:
    path = folder / "jarvis-core.yaml"
    path.write_text(core, "utf-8")
    for name, text in overlays.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return path


def test_an_overlay_changes_only_what_it_names(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "vision: {highlights: 3, stride: 2}",
        staging="vision: {stride: 4}",
        production="vision: {stride: 5}",
    )
    assert load_settings(path, "staging").vision.stride == 4
    assert load_settings(path, "staging").vision.highlights == 3
    assert load_settings(path, "development").vision.stride == 2


def test_the_environment_chooses_the_overlay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, "", production="log_level: ERROR")
    monkeypatch.setenv("JARVIS_ENV", "production")
    monkeypatch.setenv("JARVIS_CONFIG", str(path))
    assert load_settings().log_level == "ERROR"
    assert load_settings().environment == "production"


def test_variables_and_secret_files_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123 hush\n", "utf-8")
    monkeypatch.setenv("STORE", "store.example:9000")
    path = write(
        tmp_path,
        f"storage: {{endpoint: '${{STORE}}', secret_key: '${{file:{secret}}}', "
        "attempts: '${ATTEMPTS:-7}', region: 'eu-${ZONE:-1}'}",
    )
    storage = load_settings(path).storage
    assert storage is not None
    assert storage.endpoint == "store.example:9000"
    assert storage.secret_key.get_secret_value() == "0123 hush"
    assert storage.attempts == 7
    assert storage.region == "eu-1"
    assert "hush" not in repr(load_settings(path))


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JARVIS_DATA_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "coach"))
    path = tmp_path / "jarvis-core.yaml"
    path.write_text("stack: {data_dir: ~/jarvis}\ndrive: {root: ~ not a home}\n")
    settings = load_settings(path)
    assert settings.data_dir == tmp_path / "coach" / "jarvis"
    assert settings.drive.root == "~ not a home"


def test_an_empty_default_means_not_set(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, "vision: {stride: '${STRIDE:-}'}")).vision.stride is None


@pytest.mark.parametrize(
    ("core", "overlay", "key", "file"),
    [
        ("vision: {strides: 2}", "", "vision.strides", "jarvis-core.yaml"),
        ("", "drive: {root: [1]}", "drive.root", "staging.yaml"),
        ("vision: {stride: 0}", "", "vision.stride", "jarvis-core.yaml"),
        ("vision: {stride: 2}", "vision: {stride: two}", "vision.stride", "staging.yaml"),
        ("stack: {ports: {dagster: 99999}}", "", "stack.ports.dagster", "jarvis-core.yaml"),
        ("storage: {endpoint: 'a:1'}", "", "storage.secret_key", "jarvis-core.yaml"),
        ("colour: red", "", "colour", "jarvis-core.yaml"),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_file(
    tmp_path: Path, core: str, overlay: str, key: str, file: str
) -> None:
    path = write(tmp_path, core, staging=overlay)
    with pytest.raises(ConfigError) as error:
        load_settings(path, "staging")
    assert f"{key} in {tmp_path / file}" in str(error.value)


@pytest.mark.parametrize(
    ("core", "named"),
    [
        ("log_level: ${NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE"),
        ("log_level: ${file:/not/there}", "/not/there"),
        ("log_level: [", "jarvis-core.yaml"),
        ("- a\n- b", "jarvis-core.yaml"),
    ],
)
def test_what_cannot_be_resolved_is_named(tmp_path: Path, core: str, named: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(named)):
        load_settings(write(tmp_path, core))


def test_a_secret_is_never_in_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hush-hush")
    path = write(tmp_path, "storage: {endpoint: 'http://x', secret_key: '${SECRET}', more: 1}")
    with pytest.raises(ConfigError) as error:
        load_settings(path)
    assert "hush-hush" not in str(error.value)


def test_an_unknown_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JARVIS_ENV", "prod")
    with pytest.raises(ConfigError, match="development, staging, production"):
        load_settings()


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_shipped_overlay_loads(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(path.read_text("utf-8") for path in (ROOT / "config").glob("*.yaml"))
    for name in re.findall(r"\$\{(\w+)\}", text):
        scheme = "http://" if name.endswith(("_URI", "_URL")) else ""
        monkeypatch.setenv(name, f"{scheme}{name.lower()}.example:9000")
    settings = load_settings(ROOT / "config" / "jarvis-core.yaml", environment)
    assert settings.environment == environment
    assert settings.stack.host == "127.0.0.1"


def test_only_development_may_hold_a_password() -> None:
    for path in (ROOT / "config").glob("*.yaml"):
        for line in path.read_text("utf-8").splitlines():
            if re.search(r"(secret|password|token)\w*:", line) and path.stem != "development":
                assert "${" in line, f"{path.name}: {line}"
                assert ":-" not in line, f"{path.name} has a default secret: {line}"


def test_every_setting_is_described() -> None:
    undescribed = [key for key, field in every_key(Settings) if not field.description]
    assert undescribed == []


def test_the_documentation_lists_every_setting() -> None:
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == document(Settings)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError):
        load_settings().vision.highlights = 1  # type: ignore[misc]


def test_the_level_of_logs_is_that_of_the_settings(tmp_path: Path) -> None:
    path = write(tmp_path, "log_level: DEBUG")
    code = (
        "import logging\n"
        "from jarvis_dagster.logs import write_logs\n"
        "from jarvis_dagster.settings import load_settings\n"
        "write_logs(load_settings())\n"
        "logging.getLogger('jarvis_dagster.anything').debug('of ours')\n"
        "logging.getLogger('library').info('of others')\n"
        "logging.getLogger('library').warning('a warning')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "JARVIS_CONFIG": str(path)},
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line.rpartition(" ")[2] for line in done.stderr.splitlines()]
    assert said == ["ours", "warning"]


def test_who_changes_something_of_workflows_keeps_the_embedded_server(tmp_path: Path) -> None:
    from jarvis_dagster.wiring import with_embedded

    def address(workflow: str) -> str:
        stack = f"stack: {{data_dir: '{tmp_path}', ports: {{temporal: 17233}}}}\n"
        found = with_embedded(
            load_settings(write(tmp_path, f"{stack}workflow: {workflow}"))
        ).workflow
        assert found is not None
        return found.address

    assert address("{segment_s: 30}") == address("null") == "127.0.0.1:17233"
    assert address("{address: 'temporal:7233'}") == "temporal:7233"
