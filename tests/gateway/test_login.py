"""Signing in and out, sessions and forms, without the proxy."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.gateway.signing_in import local_target
from tests.gateway.conftest import ORIGIN, PASSWORD, Login, form_of

if TYPE_CHECKING:
    from collections.abc import Callable

FROM_HERE = {"Origin": ORIGIN}


def test_signing_in_leads_to_the_page_that_was_asked_for(login: Login) -> None:
    login.add("kim")

    async def visit() -> None:
        async with login.browser() as browser:
            asked = await browser.get("/account")
            assert asked.status_code == 303
            assert asked.headers["location"] == "/login?next=/account"
            form = form_of(await browser.get(asked.headers["location"]))
            assert form["next"] == "/account"
            form |= {"name": "kim", "password": PASSWORD}
            done = await browser.post("/login", data=form, headers=FROM_HERE)
            assert done.headers["location"] == "/account"
            cookie = next(c for c in done.headers.get_list("set-cookie") if c.startswith("jarvis="))
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            page = await browser.get("/account")
            assert page.status_code == 200
            assert "kim" in page.text
            assert page.headers["cache-control"] == "no-store"
            assert "default-src 'none'" in page.headers["content-security-policy"]

    asyncio.run(visit())
    assert [(e["action"], e["by"], e["from"]) for e in login.audit()[-2:]] == [
        ("sign_in", "kim", "192.0.2.7"),
        ("session.begin", "kim", "192.0.2.7"),
    ]


def test_a_new_login_is_a_new_session_and_signing_out_ends_it_on_the_server(login: Login) -> None:
    async def visit() -> None:
        async with login.signed_in("kim") as browser:
            first = browser.cookies["jarvis"]
            page = await browser.get("/")
            out = await browser.post("/logout", data=form_of(page), headers=FROM_HERE)
            assert out.status_code == 303
            assert "jarvis" not in browser.cookies
            browser.cookies.set("jarvis", first)
            assert (await browser.get("/")).headers["location"].startswith("/login")
        async with login.signed_in("kim") as browser:
            assert browser.cookies["jarvis"] != first

    asyncio.run(visit())
    assert login.security.sessions.of("kim") != []


def test_a_chosen_session_key_is_worth_nothing(login: Login) -> None:
    login.add("kim")

    async def visit() -> None:
        async with login.browser() as browser:
            browser.cookies.set("jarvis", "0123456789abcdef.chosen")
            form = form_of(await browser.get("/login"))
            form |= {"name": "kim", "password": PASSWORD}
            await browser.post("/login", data=form, headers=FROM_HERE)
            mine = [c.value for c in browser.cookies.jar if c.name == "jarvis"]
            assert "0123456789abcdef.chosen" not in mine[-1:]

    asyncio.run(visit())


@pytest.mark.parametrize("end", ["disable", "password", "teams"])
def test_what_happens_to_the_account_happens_to_its_sessions(login: Login, end: str) -> None:
    async def visit() -> None:
        async with login.signed_in("kim") as browser:
            if end == "disable":
                login.security.change_account("kim", disabled=True)
            elif end == "password":
                login.security.change_account("kim", password="five other words are fine")
            else:
                login.security.change_account("kim", teams=frozenset({"u20"}))
            page = await browser.get("/")
            assert (page.status_code == 200) == (end == "teams")
            if end == "teams":
                assert "u20" in page.text

    asyncio.run(visit())


@pytest.mark.parametrize("wrong", ["key", "origin", "site", "nothing"])
def test_a_form_of_another_page_is_refused_and_noted(login: Login, wrong: str) -> None:
    async def visit() -> None:
        async with login.signed_in("kim") as browser:
            form = form_of(await browser.get("/account"), "/account/tokens")
            headers = dict(FROM_HERE)
            if wrong == "key":
                form["form_key"] = "another"
            elif wrong == "origin":
                headers["Origin"] = "https://evil.example"
            elif wrong == "site":
                headers = {"Sec-Fetch-Site": "same-site"}
            else:
                headers = {}
            form |= {"session": "others"}
            answer = await browser.post("/account/sessions/end", data=form, headers=headers)
            assert answer.status_code == 403

    asyncio.run(visit())
    last = login.audit()[-1]
    assert last["by"] == "kim"
    assert not last["allowed"]


def test_wrong_passwords_say_little_and_are_slowed(make_login: Callable[..., Login]) -> None:
    login = make_login(sign_ins_per_minute=2)
    login.add("kim")

    async def tries() -> list[tuple[int, str]]:
        async with login.browser() as browser:
            form = form_of(await browser.get("/login"))
            found = []
            for name in ("kim", "nobody", "kim"):
                form |= {"name": name, "password": "wrong"}
                answer = await browser.post("/login", data=form, headers=FROM_HERE)
                found.append((answer.status_code, answer.text, answer.headers.get("retry-after")))
            return found

    (kim, said, _), (nobody, same, _), (third, _, wait) = asyncio.run(tries())
    assert (kim, nobody, third) == (401, 401, 429)
    assert said.replace("kim", "nobody") == same
    assert int(wait) > 0


@pytest.mark.parametrize("accounts", [True, False])
def test_without_accounts_the_page_says_how_the_first_is_made(
    make_login: Callable[..., Login], accounts: bool
) -> None:
    login = make_login()
    if accounts:
        login.add("kim")

    async def look() -> str:
        async with login.browser() as browser:
            return (await browser.get("/login")).text

    assert ("jarvis account add" in asyncio.run(look())) != accounts


@pytest.mark.parametrize(
    "given",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "/-/check/dagster",
        "/login",
        "evil",
        "",
        "/" + "a" * 3000,
        "/x\r\nSet-Cookie: a=b",
    ],
)
def test_after_the_login_nobody_is_sent_elsewhere(given: str) -> None:
    assert local_target(given) == "/"


def test_a_token_is_made_once_and_used(login: Login) -> None:
    async def visit() -> str:
        async with login.signed_in("kim") as browser:
            form = form_of(await browser.get("/account"), "/account/tokens")
            form |= {"label": "laptop", "days": "7", "password": PASSWORD}
            made = await browser.post("/account/tokens", data=form, headers=FROM_HERE)
            assert made.status_code == 200
            token = made.text.partition("<pre><code>")[2].partition("<")[0]
            assert token not in (await browser.get("/account")).text
            form["password"] = "wrong"
            denied = await browser.post("/account/tokens", data=form, headers=FROM_HERE)
            assert denied.status_code == 403
            return token

    token = asyncio.run(visit())
    assert login.security.authenticate(token).name == "kim"


def test_without_its_database_nobody_gets_in_and_it_says_why(login: Login) -> None:
    async def visit() -> None:
        async with login.signed_in("kim") as browser:
            login.security.close()
            file = login.security.audit.path.with_name("accounts.sqlite3")
            for path in file.parent.glob("accounts.sqlite3*"):
                path.rename(path.with_name(f"kept-{path.name}"))
            file.mkdir()
            asked = {"Jarvis-Method": "GET", "Jarvis-Target": "/mlflow/"}
            for path, headers in (("/account", {}), ("/login", {}), ("/-/check/mlflow", asked)):
                answer = await browser.get(path, headers=headers)
                assert answer.status_code == 503, path
                assert "database of accounts cannot be used" in answer.text
            login.security.close()
            file.rmdir()
            for path in file.parent.glob("kept-*"):
                path.rename(path.with_name(path.name.removeprefix("kept-")))
            assert (await browser.get("/account")).status_code == 200

    asyncio.run(visit())
