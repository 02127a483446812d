"""Links in messages: signed, expiring, used once, and no substitute for signing in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import AccessDeniedError, ConflictError
from tests.approvals.conftest import ADMIN, COACH

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.approvals.conftest import Desk


def link_of(desk: Desk) -> tuple[str, str]:
    """The page and the token of the link that was told last."""
    page, _, token = desk.told[-1].links["Decide"].partition("?link=")
    return page, token


def test_the_message_has_a_link_to_the_decision(desk: Desk) -> None:
    asked = desk.service.ask(
        "results", "game 1", "x", {"people": (None, 14)}, title="Deliver game 1"
    )
    page, token = link_of(desk)
    assert page == f"https://jarvis.example/approvals/{asked.id}"
    desk.service.require_link(token, asked.id)
    assert desk.told[0].details["people"] == "14"
    assert desk.told[0].severity == "warning"


def test_a_link_is_used_once(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x", team="u18")
    _, token = link_of(desk)
    assert desk.service.approve(asked.id, by=COACH, link=token).allowed
    with pytest.raises(AccessDeniedError, match="used before"):
        desk.service.require_link(token, asked.id)
    with pytest.raises(AccessDeniedError, match="used before"):
        desk.service.reject(asked.id, "No.", by=COACH, link=token)


def test_a_link_leads_to_one_approval_only(desk: Desk) -> None:
    desk.service.ask("results", "game 1", "x")
    _, token = link_of(desk)
    other = desk.service.ask("results", "game 2", "x")
    with pytest.raises(AccessDeniedError, match="leads elsewhere"):
        desk.service.approve(other.id, by=ADMIN, link=token)
    assert desk.service.get(other.id).waiting
    assert desk.noted("approval.link")[0]["allowed"] is False


def test_a_link_gives_no_rights(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x", by="kim")
    _, token = link_of(desk)
    with pytest.raises(AccessDeniedError, match="asked for it"):
        desk.service.approve(asked.id, by=COACH, link=token)
    desk.service.approve(asked.id, by=ADMIN, link=token)  # it was not used up by that


@pytest.mark.parametrize("forge", [str.swapcase, lambda token: token[:-3], lambda _: "x.y.z"])
def test_a_forged_link_is_refused(desk: Desk, forge: Callable[[str], str]) -> None:
    asked = desk.service.ask("results", "game 1", "x")
    _, token = link_of(desk)
    with pytest.raises(AccessDeniedError, match="not one that Jarvis made"):
        desk.service.require_link(forge(token), asked.id)


def test_a_link_expires_with_what_it_leads_to(desk: Desk) -> None:
    asked = desk.service.ask("results", "game 1", "x")
    _, token = link_of(desk)
    desk.wait(72)
    with pytest.raises(AccessDeniedError, match="expired"):
        desk.service.require_link(token, asked.id)
    with pytest.raises(ConflictError):
        desk.service.approve(asked.id, by=ADMIN)


def test_there_is_no_link_without_an_address(make_desk: Callable[..., Desk]) -> None:
    desk = make_desk(url=None)
    asked = desk.service.ask("results", "game 1", "x")
    assert desk.told[0].links == {}
    assert desk.told[0].remedy == f"jarvis approvals show {asked.id}"
