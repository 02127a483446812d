"""Asking and deciding: once, by who may, in time, and about exactly what was looked at."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import (
    AccessDeniedError,
    BadInputError,
    ConflictError,
    TransientError,
)
from jarvis_dagster.services.approval import Figure
from jarvis_dagster.services.security import acting_as
from tests.approvals.conftest import ADMIN, COACH, DEVELOPER, OTHER_COACH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.approvals.conftest import Desk

CHANGE = {"from": {"score": 0.4}, "to": {"score": 0.35}}


def test_nobody_is_asked_where_the_settings_require_nobody(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(results={"required": False})
    answer = desk.service.ask("results", "game 1", {"files": "abc"})
    assert answer.allowed
    assert answer.state == "not_required"
    assert desk.service.approvals() == []
    assert desk.told == []


def test_a_yes_says_who_when_and_to_what(desk: Desk) -> None:
    asked = desk.service.ask(
        "parameters",
        "north camera",
        CHANGE,
        {"AP50": (0.61, 0.66)},
        title="Lower the threshold",
        by="autopilot",
    )
    assert asked.waiting
    assert not asked.allowed
    desk.wait(1)
    done = desk.service.approve(asked.id, "Looks right.", by=DEVELOPER)
    assert done.allowed
    assert (done.decided_by, done.reason) == ("dev", "Looks right.")
    assert done.decided_at == pytest.approx(1_003_600)
    assert done.figures == (Figure("AP50", 0.61, 0.66),)
    assert done.content == CHANGE
    (ask,) = desk.noted("approval.ask")
    (yes,) = desk.noted("approval.approved")
    assert ask["by"] == "autopilot"
    assert (yes["by"], yes["object"], yes["sha256"]) == ("dev", asked.id, asked.sha256)
    assert desk.security.audit.verify() == []


def test_the_same_request_twice_is_one(desk: Desk) -> None:
    first = desk.service.ask("deployment", "detector", CHANGE)
    again = desk.service.ask("deployment", "detector", dict(reversed(list(CHANGE.items()))))
    assert again == first
    assert len(desk.service.approvals()) == 1
    assert len(desk.told) == 1
    desk.service.approve(first.id, by=ADMIN)
    assert desk.service.ask("deployment", "detector", CHANGE).allowed


def test_what_has_changed_since_cannot_be_approved(desk: Desk) -> None:
    old = desk.service.ask("results", "game 1", {"files": "one"})
    new = desk.service.ask("results", "game 1", {"files": "two"})
    with pytest.raises(ConflictError, match=f"changed since.*{new.id}"):
        desk.service.approve(old.id, by=ADMIN)
    with pytest.raises(ConflictError):
        desk.service.approve(new.id, by=ADMIN, sha256=old.sha256)
    assert not desk.service.ask("results", "game 1", {"files": "two"}).allowed
    assert desk.service.approve(new.id, by=ADMIN, sha256=new.sha256).allowed


def test_a_yes_that_was_not_yet_used_ends_with_a_new_content(desk: Desk) -> None:
    old = desk.service.ask("results", "game 1", {"files": "one"})
    desk.service.approve(old.id, by=ADMIN)
    desk.service.ask("results", "game 1", {"files": "two"})
    assert desk.service.get(old.id).state == "superseded"
    assert not desk.service.applied(old.id)
    back = desk.service.ask("results", "game 1", {"files": "one"})
    assert back.waiting
    assert back.id != old.id


def test_of_two_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x")
    at_once, outcomes = threading.Barrier(6), []

    def decide(number: int) -> None:
        at_once.wait()
        verdict: Any = "approved" if number % 2 else "rejected"
        try:
            outcomes.append(desk.service.decide(asked.id, verdict, f"by {number}", by=ADMIN).reason)
        except ConflictError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=decide, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [one for one in outcomes if isinstance(one, str)]
    losers = [str(one) for one in outcomes if not isinstance(one, str)]
    assert len(losers) == 5
    assert all("ada" in one and winner in one for one in losers)
    assert desk.service.get(asked.id).reason == winner
    assert len(desk.noted("approval.approved", "approval.rejected")) == 1


def test_two_who_ask_at_once_ask_once(desk: Desk) -> None:
    at_once, ids = threading.Barrier(4), []

    def ask() -> None:
        at_once.wait()
        ids.append(desk.service.ask("results", "game 1", "x").id)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 4
    assert len(set(ids)) == 1
    assert len(desk.noted("approval.ask")) == 1


def test_what_expired_says_so_and_can_be_asked_again(desk: Desk) -> None:
    asked = desk.service.ask("deployment", "detector", CHANGE, by="dev")
    desk.wait(73)
    with pytest.raises(ConflictError, match=r"in time; it can be asked again"):
        desk.service.approve(asked.id, by=ADMIN)
    assert desk.service.get(asked.id).state == "expired"
    assert desk.service.sweep() > 0
    assert [one["object"] for one in desk.noted("approval.expire")] == [asked.id]
    assert desk.told[-1].event == "approval_expired"
    again = desk.service.ask_again(asked.id, by=DEVELOPER)
    assert again.waiting
    assert (again.round, again.sha256) == (2, asked.sha256)
    assert desk.service.approve(again.id, by=ADMIN).allowed


def test_a_no_needs_a_reason_and_stays(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x")
    with pytest.raises(BadInputError, match="reason"):
        desk.service.reject(asked.id, "  ", by=COACH)
    desk.service.reject(asked.id, "Wrong goalkeeper.", by=COACH)
    same = desk.service.ask("results", "game 1", "x")
    assert (same.state, same.reason) == ("rejected", "Wrong goalkeeper.")
    assert desk.service.ask("results", "game 1", "x", again=True).waiting


def test_rights_are_those_of_the_policy(desk: Desk) -> None:
    model = desk.service.ask("deployment", "detector", "v5")
    with pytest.raises(BadInputError, match="no approval"):
        desk.service.approve(model.id, by=COACH)  # who does not even see it
    game = desk.service.ask("results", "game 1", "x", team="u18")
    with pytest.raises(BadInputError, match="no approval"):
        desk.service.approve(game.id, by=OTHER_COACH)
    assert [one.id for one in desk.service.approvals(by=COACH)] == [game.id]
    assert desk.service.approvals(by=OTHER_COACH) == []
    assert desk.service.why_not(game, COACH) == ""
    assert desk.service.approve(game.id, by=COACH).allowed


def test_a_component_may_ask_but_not_decide(desk: Desk) -> None:
    autopilot = desk.security.component("Autopilot")
    asked = desk.service.ask("parameters", "north", CHANGE, by="somebody")
    with pytest.raises(AccessDeniedError, match="autopilot"):
        desk.service.approve(asked.id, by=autopilot)
    refused = desk.noted("approval.decide")
    assert [one["allowed"] for one in refused] == [False]


def test_the_role_of_the_settings_decides(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(results={"required": True, "role": "developer"})
    asked = desk.service.ask("results", "game 1", "x", team="u18")
    with pytest.raises(AccessDeniedError, match="no developer"):
        desk.service.approve(asked.id, by=COACH)
    assert desk.service.approve(asked.id, by=DEVELOPER).allowed
    other = desk.service.ask("results", "game 2", "x", team="u18")
    assert desk.service.approve(other.id, by=ADMIN).allowed  # who has all rights


def test_teams_may_have_rules_of_their_own(make_desk: Callable[..., Desk]) -> None:
    rule = {"required": False, "teams": {"u18": {"required": True, "expires_hours": 1}}}
    desk = make_desk(results=rule)
    assert desk.service.ask("results", "game 1", "x", team="u16").state == "not_required"
    asked = desk.service.ask("results", "game 2", "x", team="u18")
    assert asked.expires_at - asked.asked_at == 3600


def test_nobody_approves_what_they_asked_for(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(labels={"required": True, "own": True})
    asked = desk.service.ask("deployment", "detector", "v5", by="local:dev")
    with pytest.raises(AccessDeniedError, match="asked for it"):
        desk.service.approve(asked.id, by=DEVELOPER)
    assert desk.service.approve(asked.id, by=ADMIN).allowed
    own = desk.service.ask("labels", "game 1", "x", by="dev")
    assert desk.service.approve(own.id, by=DEVELOPER).allowed


def test_what_cannot_be_noted_is_not_done(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = desk.service.ask("results", "game 1", "x")

    def full(*_: Any, **__: Any) -> None:
        raise TransientError("The disk is full.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.security.audit, "add", full)
        with pytest.raises(TransientError):
            desk.service.approve(asked.id, by=ADMIN)
        with pytest.raises(TransientError):
            desk.service.ask("results", "game 2", "x")
    assert desk.service.get(asked.id).waiting
    assert len(desk.service.approvals()) == 1


def test_who_could_not_be_told_is_told_later(
    make_desk: Callable[..., Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk()

    def away(_: object) -> None:
        raise TransientError("The outbox is locked.")

    with monkeypatch.context() as patch:
        patch.setattr(desk.service, "_notify", away)
        asked = desk.service.ask("results", "game 1", "x", waiter="workflow-1")
    assert desk.told == []
    desk.service.sweep()
    desk.service.sweep()
    assert [one.event for one in desk.told] == ["approval_wanted"]
    desk.service.approve(asked.id, by=ADMIN)
    assert desk.nudged == [(["workflow-1"], "approved")]
    assert [one.event for one in desk.told] == ["approval_wanted", "approval_decided"]


def test_what_was_done_is_noted_once(desk: Desk) -> None:
    asked = desk.service.ask("deployment", "detector", "v5")
    assert not desk.service.applied(asked.id)
    desk.service.approve(asked.id, by=ADMIN)
    assert desk.service.applied(asked.id)
    assert not desk.service.applied(asked.id)
    assert desk.service.get(asked.id).applied_at == desk.now[0]


@pytest.mark.parametrize("content", [{1, 2}, float("nan"), "x" * 200_000])
def test_a_content_is_json_of_a_bounded_size(desk: Desk, content: Any) -> None:
    with pytest.raises(BadInputError, match="content of an approval"):
        desk.service.ask("results", "game 1", content)


def test_an_id_may_be_shortened_where_that_is_clear(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x")
    assert desk.service.get(asked.id[:4]) == asked
    for wrong in ("", "zzz", asked.id + "0"):
        with pytest.raises(BadInputError):
            desk.service.get(wrong)


def test_the_guard_knows_the_calls(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x", team="u18")
    mine = desk.security.guard(desk.service, "approval", COACH)
    assert [one.id for one in mine.approvals()] == [asked.id]
    assert mine.approve(asked.id, "Good.").decided_by == "kim"
    with pytest.raises(AccessDeniedError):
        mine.ask("results", "game 2", "x")
    with pytest.raises(AccessDeniedError):
        mine.applied(asked.id)
    with acting_as(COACH), pytest.raises(ConflictError):
        desk.service.reject(asked.id, "No.")


def test_a_decision_that_nobody_noted_is_found(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x")
    other = desk.service.ask("results", "game 2", "x")
    desk.service.approve(other.id, by=ADMIN)
    desk.service.ask("results", "game 2", "y")  # which ends what was approved
    assert desk.service.verify() == []
    forged = {"state": "approved", "decided_by": "ada", "decided_at": 1.0}
    assert desk.service._records.change(asked, forged, lambda: None)
    (wrong,) = desk.service.verify()
    assert asked.id in wrong
