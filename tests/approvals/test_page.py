"""A person in a browser: sees what waits, looks at it, says yes or no."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.gateway.app import make_app
from jarvis_dagster.services.approval import Figure
from jarvis_dagster.services.approval.approval import Shown
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services, with_embedded
from tests.gateway.conftest import ORIGIN, Login, form_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    import httpx

    from jarvis_dagster.services.approval import Approval
    from jarvis_dagster.services.core import JarvisCoreServices

SENT = {"Origin": ORIGIN}


@pytest.fixture
def core(tmp_path: Path) -> JarvisCoreServices:
    path = tmp_path / "jarvis-core.yaml"
    path.write_text("approvals: {results: {required: true}, deployment: {required: true}}")
    return core_services(load_settings(path))


@pytest.fixture
def login(core: JarvisCoreServices, tmp_path: Path) -> Login:
    settings = with_embedded(load_settings(tmp_path / "jarvis-core.yaml"))
    return Login(make_app(settings, core), core.security_service)


@pytest.fixture
def game(core: JarvisCoreServices) -> Approval:
    return core.approval_service.ask(
        "results",
        "game-1",
        {"files": "<script>"},
        [Figure("shots", 2, 3), Figure("people", 14, 14)],
        title="Deliver the results of <game> & more",
        team="u18",
        by="process_video",
    )


def visit(login: Login, name: str, play: Callable[[httpx.AsyncClient], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with login.signed_in(name) as browser:
            return await play(browser)

    return asyncio.run(run())


def decision(verdict: str, reason: str = "", **more: str) -> dict[str, str]:
    return {"verdict": verdict, "reason": reason, **more}


def test_a_coach_approves_the_results_of_the_own_team(
    core: JarvisCoreServices, login: Login, game: Approval
) -> None:
    async def play(browser: httpx.AsyncClient) -> tuple[str, ...]:
        listed = await browser.get("/approvals")
        page = await browser.get(f"/approvals/{game.id}")
        form = form_of(page, f"/approvals/{game.id}") | decision("approved", "Good.")
        done = await browser.post(f"/approvals/{game.id}", data=form, headers=SENT)
        assert done.status_code == 303, done.text
        after = await browser.get(done.headers["location"])
        return listed.text, page.text, after.text

    listed, page, after = visit(login, "kim", play)
    assert "1 thing waits for your yes" in listed
    assert "&lt;game&gt; &amp; more" in listed
    assert "<script>" not in page
    assert game.sha256 in page
    assert "you have approved it" in after
    decided = core.approval_service.get(game.id)
    assert (decided.state, decided.decided_by, decided.reason) == ("approved", "kim", "Good.")
    entry = next(e for e in login.audit() if e["action"] == "approval.approved")
    assert (entry["by"], entry["object"], entry["from"]) == ("kim", game.id, "192.0.2.7")


def test_what_is_not_ones_business_is_not_there(
    core: JarvisCoreServices, login: Login, game: Approval
) -> None:
    model = core.approval_service.ask("deployment", "detector", "v5", title="Make v5 the champion")
    other = core.approval_service.ask("results", "game-2", "x", title="Of another", team="u16")

    async def play(browser: httpx.AsyncClient) -> None:
        listed = (await browser.get("/approvals")).text
        assert "Make v5" not in listed
        assert "Of another" not in listed
        for one in (model, other):
            assert (await browser.get(f"/approvals/{one.id}")).status_code == 400
            form = form_of(await browser.get(f"/approvals/{game.id}"), f"/approvals/{game.id}")
            form |= decision("approved")
            done = await browser.post(f"/approvals/{one.id}", data=form, headers=SENT)
            assert done.status_code == 400
            assert core.approval_service.get(one.id).waiting

    visit(login, "kim", play)


def test_an_operator_looks_and_does_not_decide(login: Login, game: Approval) -> None:
    async def play(browser: httpx.AsyncClient) -> None:
        page = await browser.get(f"/approvals/{game.id}")
        assert "may not decide about results" in page.text
        assert 'value="approved"' not in page.text
        key = form_of(page, "/logout")
        form = key | decision("approved", sha256=game.sha256)
        done = await browser.post(f"/approvals/{game.id}", data=form, headers=SENT)
        assert done.status_code == 403

    visit(login, "ops", play)


def test_a_forged_form_decides_nothing(
    core: JarvisCoreServices, login: Login, game: Approval
) -> None:
    async def play(browser: httpx.AsyncClient) -> None:
        action = f"/approvals/{game.id}"
        form = form_of(await browser.get(action), action) | decision("approved")
        elsewhere = {"Origin": "https://evil.example"}
        for wrong, headers in (
            (form | {"form_key": "x" * 40}, SENT),
            (form, elsewhere),
            (form | {"sha256": "0" * 64}, SENT),
            (form | {"verdict": "maybe"}, SENT),
            (form | {"verdict": "rejected"}, SENT),  # without a reason
        ):
            done = await browser.post(action, data=wrong, headers=headers)
            assert done.status_code in {400, 403, 409}
        assert (await browser.get(f"{action}?verdict=approved")).status_code == 200

    visit(login, "kim", play)
    assert core.approval_service.get(game.id).waiting


def test_the_link_asks_to_sign_in_and_is_used_by_the_decision_alone(
    core: JarvisCoreServices, login: Login, game: Approval
) -> None:
    address = core.approval_service.address(game)
    assert address is not None
    target = address.removeprefix(core.approval_service.config.url or "")

    async def unknown() -> httpx.Response:
        async with login.browser() as browser:
            return await browser.get(target)

    answer = asyncio.run(unknown())
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?next=/approvals/")

    async def play(browser: httpx.AsyncClient) -> None:
        for _ in range(2):  # looking does not use it up
            page = await browser.get(target)
            assert page.status_code == 200
        form = form_of(page, f"/approvals/{game.id}") | decision("rejected", "Wrong teams.")
        assert form["link"] in target
        done = await browser.post(f"/approvals/{game.id}", data=form, headers=SENT)
        assert done.status_code == 303
        late = await browser.post(f"/approvals/{game.id}", data=form, headers=SENT)
        assert late.status_code in {403, 409}
        assert "Wrong teams." in (await browser.get(target)).text  # shows how it ended
        forged = await browser.get(f"/approvals/{second.id}?link={form['link']}")
        assert forged.status_code == 403

    second = core.approval_service.ask("results", "game-3", "x", team="u18")
    visit(login, "kim", play)


def test_the_second_of_two_deciders_is_told_of_the_first(
    core: JarvisCoreServices, login: Login, game: Approval
) -> None:
    async def play(browser: httpx.AsyncClient) -> httpx.Response:
        action = f"/approvals/{game.id}"
        form = form_of(await browser.get(action), action) | decision("approved")
        core.approval_service.reject(game.id, "The clock is wrong.")
        return await browser.post(action, data=form, headers=SENT)

    answer = visit(login, "kim", play)
    assert answer.status_code == 409
    assert "The clock is wrong." in answer.text


def test_what_expired_is_asked_again_on_the_page(
    core: JarvisCoreServices, login: Login, game: Approval
) -> None:
    core.approval_service.reject(game.id, "Not yet.")

    async def play(browser: httpx.AsyncClient) -> httpx.Response:
        action = f"/approvals/{game.id}/again"
        form = form_of(await browser.get(f"/approvals/{game.id}"), action)
        done = await browser.post(action, data=form, headers=SENT)
        return await browser.get(done.headers["location"])

    assert "It is asked again." in visit(login, "kim", play).text
    newest = core.approval_service.approvals()[0]
    assert (newest.state, newest.round, newest.asked_by) == ("waiting", 2, "kim")


class _Store:
    """Two objects: as they were asked about, and one that was made again since."""

    def __init__(self) -> None:
        self.contents = {"a/report.html": b"<h1>seen</h1>", "a/other.jpg": b"made again"}

    def stat(self, key: str) -> Any:
        return None if key not in self.contents else self._reference(key)

    def get_file(self, key: str, path: Path) -> Any:
        path.write_bytes(self.contents[key])
        return self._reference(key)

    def _reference(self, key: str) -> Any:
        import hashlib
        from types import SimpleNamespace

        return SimpleNamespace(sha256=hashlib.sha256(self.contents[key]).hexdigest())


def test_only_what_is_asked_about_is_shown(core: JarvisCoreServices, login: Login) -> None:
    store = _Store()
    core.__dict__["storage_service"] = store
    report = Shown("report", "a/report.html", store.stat("a/report.html").sha256)
    asked = core.approval_service.ask(
        "results",
        "game-4",
        "x",
        team="u18",
        shown=[
            report,
            Shown("still", "a/other.jpg", "0" * 64),
            Shown("gone", "a/no.jpg", "1" * 64),
        ],
    )

    async def play(browser: httpx.AsyncClient) -> None:
        at = f"/approvals/{asked.id}"
        assert "Look at the report" in (await browser.get(at)).text
        page = await browser.get(f"{at}/shown/0")
        assert page.content == b"<h1>seen</h1>"
        assert "sandbox" in page.headers["content-security-policy"]
        assert (await browser.get(f"{at}/shown/1")).status_code == 410
        assert (await browser.get(f"{at}/shown/2")).status_code == 410
        assert (await browser.get(f"{at}/shown/3")).status_code == 404

    visit(login, "kim", play)
    core.__dict__.pop("storage_service")
