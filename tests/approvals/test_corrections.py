"""Corrections and labels wait for a yes; what was applied before stays meanwhile."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.assets.approving import ask_to_learn
from jarvis_dagster.assets.spotlight.corrected import _approved
from jarvis_dagster.hockey.review.corrections import Correction, to_json
from jarvis_dagster.sensors.approvals import _is_mine, _request
from tests.approvals.platform import source_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.approvals.conftest import Desk

NUMBER = Correction("number", 1, (7,), "26")
ROLE = Correction("role", 2, (9,), "goalkeeper")


class Space:
    """A video on which these corrections were applied."""

    key = "game-1"

    def __init__(self, *applied: Correction) -> None:
        self.kept = {"corrections": {"corrections": to_json(applied)}, "footage": source_of("ab")}

    def has(self, asset: str, _: str) -> bool:
        return bool(self.kept.get(asset))

    def json(self, asset: str, _: str) -> Any:
        return self.kept[asset]


@pytest.fixture
def resource(desk: Desk) -> Any:
    return SimpleNamespace(
        core=SimpleNamespace(approval_service=desk.service),
        settings=SimpleNamespace(security=SimpleNamespace(drive_teams={"local": "u18"})),
    )


def keys(found: list[Correction]) -> list[str]:
    return [one.key for one in found]


def test_what_was_applied_stays_until_a_yes(desk: Desk, resource: Any) -> None:
    space: Any = Space(NUMBER)
    found, said = _approved(resource, space, [NUMBER, ROLE], "apply_corrections")
    assert keys(found) == [NUMBER.key]
    assert "waits for a person" in said
    (asked,) = desk.service.approvals()
    assert (asked.kind, asked.team, asked.subject) == ("labels", "u18", "game-1")
    assert [(one.name, one.before, one.after) for one in asked.figures] == [
        ("Track 7 is number 26", "so", "so"),
        ("Track 9 is a goalkeeper", None, "so"),
    ]
    desk.service.approve(asked.id)
    assert not _is_mine(desk.service.get(asked.id))  # the sensor of corrections sees to it
    found, _ = _approved(resource, space, [ROLE, NUMBER], "apply_corrections")
    assert keys(found) == [ROLE.key, NUMBER.key]
    assert desk.service.get(asked.id).applied_at is not None


def test_what_is_applied_already_needs_no_yes(desk: Desk, resource: Any) -> None:
    space: Any = Space(NUMBER)
    assert keys(_approved(resource, space, [NUMBER], "process_video")[0]) == [NUMBER.key]
    assert desk.service.approvals() == []


def test_taking_back_is_asked_as_well(desk: Desk, resource: Any) -> None:
    space: Any = Space(NUMBER)
    assert keys(_approved(resource, space, [], "process_video")[0]) == [NUMBER.key]
    (asked,) = desk.service.approvals()
    assert [one.after for one in asked.figures] == ["taken back"]


def test_labels_are_known_by_their_content(desk: Desk, resource: Any, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    (folder / "1.txt").write_text("0 0.5 0.5 0.1 0.1")
    asked = ask_to_learn(resource, "local:Training/x", folder, "read_labels")
    assert asked.waiting
    assert ask_to_learn(resource, "local:Training/x", folder, "read_labels") == asked
    (folder / "1.txt").write_text("0 0.5 0.5 0.2 0.2")
    other = ask_to_learn(resource, "local:Training/x", folder, "read_labels")
    assert other.id != asked.id
    desk.service.approve(other.id)
    (due,) = desk.service.to_do(("labels",))
    request = _request(due, 1)
    assert request.job_name == "read_labels"
    assert request.run_config["ops"]["toolchain__labels"]["config"] == {
        "source": "local:Training/x"
    }
