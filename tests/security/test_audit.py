"""The audit log shows every change to itself."""

from __future__ import annotations

import concurrent.futures
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jarvis_dagster.errors import TransientError
from jarvis_dagster.services.client_storage import ClientStorageConfig
from jarvis_dagster.services.core import JarvisCoreServices
from jarvis_dagster.services.security import (
    AuditLog,
    Head,
    Principal,
    SecurityConfig,
    acting_as,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "audit.jsonl")
    for number in range(5):
        log.add("storage.store_artifact", allowed=number != 3, object=f"report-{number}")
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def test_it_says_who_did_what_in_order(log: AuditLog) -> None:
    with acting_as(Principal("kim", "user", frozenset({"u18"}))):
        log.add("sign_in", allowed=True)
    entries = list(log.entries())
    assert [entry["n"] for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert entries[0]["by"] == "local"
    assert entries[-1]["by"] == "kim"
    assert entries[3]["allowed"] is False
    assert log.verify() == []
    assert log.path.stat().st_mode & 0o777 == 0o600


def test_a_changed_entry_is_found(log: AuditLog) -> None:
    kept = lines(log)
    kept[2] = kept[2].replace(b"report-2", b"report-9")
    log.path.write_bytes(b"".join(kept))
    assert log.verify() == ["line 3: the entry was changed"]


def test_an_entry_that_was_changed_with_its_hash_breaks_the_chain(
    log: AuditLog, tmp_path: Path
) -> None:
    other = AuditLog(tmp_path / "other.jsonl")
    for number in range(3):
        other.add("storage.store_artifact", allowed=True, object=f"forged-{number}")
    kept = lines(log)
    kept[2] = lines(other)[2]
    log.path.write_bytes(b"".join(kept))
    assert log.verify() == [
        "line 3: the entry before it was changed",
        "line 4: the entry before it was changed",
    ]


@pytest.mark.parametrize("taken", [0, 2, 3])
def test_an_entry_that_was_taken_out_is_missed(log: AuditLog, taken: int) -> None:
    kept = lines(log)
    del kept[taken]
    log.path.write_bytes(b"".join(kept))
    assert len(log.verify()) == 1


def test_a_cut_end_is_missed_beside_a_head_noted_earlier(log: AuditLog) -> None:
    head = log.head()
    assert head.number == 5
    log.path.write_bytes(b"".join(lines(log)[:4]))
    assert log.verify() == []
    assert log.verify(head) == ["the entry 5 that was noted earlier is gone or another"]
    log.add("sign_in", allowed=True)  # as if nothing had happened
    assert log.verify(head) != []
    assert log.verify(Head(0, "0" * 64)) == []


def test_a_line_that_a_power_failure_cut_is_no_break(log: AuditLog) -> None:
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + whole.splitlines()[0][:40])
    log.add("sign_in", allowed=True)
    assert log.verify() == []
    assert [entry["n"] for entry in log.entries()] == [1, 2, 3, 4, 5, 6]


def test_two_at_once_are_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: AuditLog(path).add("x", allowed=True, object=n), range(60)))
    assert AuditLog(path).verify() == []
    assert len(list(AuditLog(path).entries())) == 60


def test_entries_that_are_long_stay_readable(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.add("export", allowed=True, files=[f"file {n:05}" for n in range(5000)])
    log.add("export", allowed=True, reason="x" * 100_000)
    assert log.verify() == []
    *_, last = log.entries()
    assert len(last["reason"]) == 2000


@settings(max_examples=30, deadline=None)
@given(text=st.text())
def test_nobody_writes_a_line_of_his_own(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    log = AuditLog(tmp_path_factory.mktemp("audit") / "audit.jsonl")
    forged = json.dumps({"n": 2, "action": "sign_in", "allowed": True})
    log.add("sign_in", allowed=False, object=f"{text}\n{forged}\n\u2028{forged}")
    log.add("sign_in", allowed=False, object=text)
    assert log.verify() == []
    assert len(list(log.entries())) == len(log.path.read_bytes().splitlines()) == 2


def test_what_cannot_be_noted_is_not_done(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").mkdir()
    with pytest.raises(TransientError, match="export was not done"):
        AuditLog(tmp_path / "audit.jsonl").add("export", allowed=True)


OLD = [
    {"time": "2026-01-02T03:04:05.678+00:00", "action": "share", "allowed": True, "file": "a"},
    {"time": "2026-01-03T03:04:05.678+00:00", "action": "export", "allowed": False, "file": "b"},
]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A log of the drives' own, from before lines were chained."""
    path = tmp_path / "drives" / "audit" / "audit.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in OLD) + '{"cut": "sho')
    return path


def test_another_log_is_taken_over_with_its_old_entries(log: AuditLog, old: Path) -> None:
    log.take_over(old)
    log.take_over(old)  # which is no longer there
    log.add("share", allowed=True)
    assert not old.exists()
    history = [entry["action"] for entry in log.history()]
    assert history[5:] == ["share", "export", "audit.take_over", "share"]
    assert [entry for entry in log.history() if entry in OLD] == OLD
    assert log.verify() == []


def test_a_change_to_a_log_that_was_taken_over_is_found(log: AuditLog, old: Path) -> None:
    log.take_over(old)
    (kept,) = old.parent.iterdir()
    kept.write_text(kept.read_text().replace('"file": "b"', '"file": "c"'))
    (wrong,) = log.verify()
    assert "was taken over, was changed" in wrong
    kept.unlink()
    (wrong,) = log.verify()
    assert "cannot be read" in wrong


def test_a_taken_over_log_is_found_where_a_backup_put_it(
    log: AuditLog, old: Path, tmp_path: Path
) -> None:
    log.take_over(old)
    copy = tmp_path.with_name(tmp_path.name + "-restored")
    tmp_path.rename(copy)
    assert AuditLog(copy / "audit.jsonl").verify() == []


def test_drives_write_into_the_log_of_the_installation(old: Path, tmp_path: Path) -> None:
    config = ClientStorageConfig.model_validate(
        {
            "drives": {"disk": {"kind": "local", "root": tmp_path / "drive"}},
            "import_dir": tmp_path / "imports",
            "state_dir": tmp_path / "drives",
        }
    )
    (tmp_path / "drive").mkdir()
    (tmp_path / "report.html").write_text("report")
    security = SecurityConfig(directory=tmp_path / "security")
    with JarvisCoreServices(client_storage=config, security=security) as core:
        kim = Principal("kim", "user", frozenset({"u18"}))
        guarded = core.acting_as(kim).client_storage_service
        guarded.export_results([tmp_path / "report.html"], "disk")
        log = core.security_service.audit
        assert log.verify() == []
        said = [(entry.get("by"), entry["action"]) for entry in log.history()]
    assert said == [
        ("kim", "client_storage.export_results"),
        (None, "share"),
        (None, "export"),
        ("kim", "audit.take_over"),
        ("kim", "export"),
    ]
