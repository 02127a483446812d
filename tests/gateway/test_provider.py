"""Signing in with another provider's account."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
import pytest

from jarvis_dagster.gateway.config import OidcConfig
from tests.gateway.provider import CLIENT, SECRET, Provider

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.gateway.conftest import Login


@pytest.fixture(scope="module")
def running() -> Iterator[Provider]:
    with Provider() as one:
        yield one


@pytest.fixture
def provider(running: Provider) -> Provider:
    running.lie = ""
    running.person = {"email": "Kim@Example.org", "email_verified": True}
    return running


@pytest.fixture
def make(provider: Provider, make_login: Callable[..., Login]) -> Callable[..., Login]:
    def made(**more: object) -> Login:
        config = OidcConfig(
            issuer=provider.issuer, client_id=CLIENT, client_secret=SECRET, label="the club", **more
        )
        return make_login(oidc=config)

    return made


def come(login: Login, *, state: str | None = None) -> tuple[httpx2.Response, httpx2.Response]:
    """The answer to one who comes back from the provider, and to a look at a page then."""

    async def way() -> tuple[httpx2.Response, httpx2.Response]:
        async with login.browser() as browser:
            assert "Sign in with the club" in (await browser.get("/login")).text
            go = await browser.get("/login/provider?next=/account")
            async with httpx2.AsyncClient(trust_env=False) as outside:
                there = await outside.get(go.headers["location"])
            back = httpx2.URL(there.headers["location"])
            if state is not None:
                back = back.copy_set_param("state", state)
            answer = await browser.get(back.raw_path.decode())
            again = await browser.get(back.raw_path.decode())
            assert again.status_code == 403  # a code counts once
            return answer, await browser.get("/account")

    return asyncio.run(way())


def test_a_known_person_is_signed_in(make: Callable[..., Login]) -> None:
    login = make()
    login.security.add_account("kim@example.org", "user", teams=frozenset({"u18"}))
    answer, page = come(login)
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert "kim@example.org" in page.text
    began = [one for one in login.audit() if one["action"] == "session.begin"]
    assert began[0]["how"] == "provider"


@pytest.mark.parametrize("lie", ["issuer", "audience", "expired", "nonce", "signature"])
def test_what_the_provider_did_not_say_to_us_now_counts_nothing(
    make: Callable[..., Login], provider: Provider, lie: str
) -> None:
    login = make()
    login.security.add_account("kim@example.org", "admin")
    provider.lie = lie
    answer, page = come(login)
    assert answer.status_code == 403
    assert page.status_code == 303
    assert not login.audit()[-1]["allowed"]


def test_an_answer_to_somebody_elses_question_counts_nothing(make: Callable[..., Login]) -> None:
    login = make()
    login.security.add_account("kim@example.org", "admin")
    answer, page = come(login, state="another")
    assert answer.status_code == 403
    assert page.status_code == 303


@pytest.mark.parametrize("case", ["unknown", "unverified", "disabled", "service"])
def test_not_everybody_whom_the_provider_knows_comes_in(
    make: Callable[..., Login], provider: Provider, case: str
) -> None:
    login = make()
    if case != "unknown":
        kind = "service" if case == "service" else "user"
        login.security.add_account("kim@example.org", "user", kind=kind)
    if case == "disabled":
        login.security.change_account("kim@example.org", disabled=True)
    provider.person["email_verified"] = case != "unverified"
    answer, page = come(login)
    assert answer.status_code == 403
    assert page.status_code == 303
    assert login.audit()[-1]["action"] == "sign_in"


def test_role_and_teams_are_the_providers_to_tell_if_so_set(
    make: Callable[..., Login], provider: Provider
) -> None:
    login = make(
        role_claim="groups",
        roles={"coaches": "user", "it": "operator"},
        team_claim="squads",
        new_accounts=True,
    )
    provider.person |= {"groups": ["coaches", "staff"], "squads": ["U18", "U20"]}
    assert come(login)[0].status_code == 303
    made = login.security.accounts.get("kim@example.org")
    assert (made.role, made.teams) == ("user", {"u18", "u20"})
    provider.person |= {"groups": ["it"], "squads": []}
    assert come(login)[0].status_code == 303
    assert login.security.principal_of("kim@example.org").role == "operator"
    provider.person["groups"] = ["gone"]
    assert come(login)[0].status_code == 403
