"""A better model waits for a yes, and becomes the champion by it alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, ConflictError
from jarvis_dagster.promoting import Decision, Promoter
from jarvis_dagster.sensors.approvals import _request
from jarvis_dagster.settings import Settings
from tests.approvals.conftest import ADMIN

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.approvals.conftest import Desk


class Registry:
    """Aliases that move as MLflow's do: only from what is expected."""

    def __init__(self, **aliases: str | None) -> None:
        self.aliases = aliases
        self.moves: list[tuple[str, str | None, str]] = []

    def model(self, _: str, alias: str) -> Any:
        version = self.aliases.get(alias)
        return None if version is None else SimpleNamespace(version=version)

    def move_alias(
        self, _: str, alias: str, version: str | None, *, by: str, expected: str | None, **__: Any
    ) -> Any:
        if self.aliases.get(alias) != expected:
            raise ConflictError(f"{alias} is {self.aliases.get(alias)}, and not {expected}.")
        self.aliases[alias] = version
        self.moves.append((alias, version, by))
        return SimpleNamespace(to=version)


@pytest.fixture
def registry() -> Registry:
    return Registry(champion="4", challenger="5")


@pytest.fixture
def promoter(desk: Desk, registry: Registry) -> Promoter:
    core: Any = SimpleNamespace(
        experiment_service=registry, storage_service=None, approval_service=desk.service
    )
    return Promoter(Settings(), core)


def decided(promoted: bool = True, decision_id: str = "d-1") -> Decision:
    change = {"estimate": 0.05, "low": 0.01, "high": 0.07}
    return Decision(
        decision_id,
        promoted,
        {
            "by": "dev",
            "champion": {"version": "4", "label": "version 4", "sha256": "4" * 64},
            "challenger": {"version": "5", "label": "version 5", "sha256": "5" * 64},
            "games": {"sha256": "9" * 64},
            "verdict": {
                "reasons": ["AP50 rose by 5 points."],
                "figures": [{"name": "ap50", "champion": 0.61, "challenger": 0.66, "gain": change}],
                "roles": [],
            },
        },
        "<html>",
    )


def test_a_better_model_waits_and_then_becomes_the_champion(
    desk: Desk, registry: Registry, promoter: Promoter
) -> None:
    asked, move = promoter.settle(decided(), by="dev")
    assert (asked.state, move) == ("waiting", None)
    assert registry.aliases["champion"] == "4"
    (figure,) = asked.figures
    assert (figure.name, figure.before, figure.after) == ("ap50, %", 61.0, 66.0)
    assert figure.note == "change +1.0 to +7.0"
    with pytest.raises(BadInputError, match="waits for a person"):
        promoter.apply_approved(asked.id)

    desk.service.approve(asked.id, by=ADMIN)
    (due,) = desk.service.to_do(("deployment",))
    request = _request(due, 1)
    assert request.job_name == "promote_approved"
    given = request.run_config["ops"]["toolchain__champion"]["config"]
    promoter.apply_approved(given["approval"])
    assert registry.aliases == {"champion": "5", "challenger": None}
    assert registry.moves[0] == ("champion", "5", "ada")
    assert desk.service.to_do(("deployment",)) == []


def test_killed_before_it_was_noted_it_is_not_done_twice(
    desk: Desk, registry: Registry, promoter: Promoter
) -> None:
    asked, _ = promoter.settle(decided(), by="dev")
    desk.service.approve(asked.id, by=ADMIN)
    registry.aliases["champion"] = "5"  # moved, and then the process was killed
    promoter.apply_approved(asked.id)
    assert registry.moves == []
    assert desk.service.to_do(("deployment",)) == []


def test_a_yes_ends_when_another_model_became_the_champion(
    desk: Desk, registry: Registry, promoter: Promoter
) -> None:
    asked, _ = promoter.settle(decided(), by="dev")
    desk.service.approve(asked.id, by=ADMIN)
    registry.aliases["champion"] = "3"  # rolled back meanwhile
    with pytest.raises(ConflictError):
        promoter.apply_approved(asked.id)
    assert registry.aliases["champion"] == "3"
    assert desk.service.get(asked.id).state == "superseded"
    assert desk.service.to_do(("deployment",)) == []


def test_another_decision_takes_the_place_of_the_one_before(desk: Desk, promoter: Promoter) -> None:
    first, _ = promoter.settle(decided(), by="dev")
    second, _ = promoter.settle(decided(decision_id="d-2"), by="dev")
    assert desk.service.get(first.id).superseded_by == second.id


def test_nobody_is_asked_where_nobody_has_to_be(
    make_desk: Callable[..., Desk], registry: Registry
) -> None:
    desk = make_desk(deployment={"required": False})
    core: Any = SimpleNamespace(
        experiment_service=registry, storage_service=None, approval_service=desk.service
    )
    answer, move = Promoter(Settings(), core).settle(decided(), by="dev")
    assert answer.state == "not_required"
    assert move is not None
    assert registry.aliases["champion"] == "5"


def test_a_model_that_is_not_better_is_not_asked_about(desk: Desk, promoter: Promoter) -> None:
    with pytest.raises(BadInputError, match="not promoted"):
        promoter.settle(decided(promoted=False), by="dev")
    assert desk.service.approvals() == []
