"""The login by itself, asked as the proxy asks it."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from typing import TYPE_CHECKING

import httpx2
import pytest

from jarvis_dagster.gateway.app import make_app
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services, with_embedded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.applications import Starlette

    from jarvis_dagster.services.security import JarvisSecurityService

ORIGIN = "http://127.0.0.1:8600"
PASSWORD = "four words are enough"
ACCOUNTS = {
    "ada": ("admin",),
    "dev": ("developer",),
    "ops": ("operator",),
    "kim": ("user", "u18"),
}
PAGE = {"Accept": "text/html", "X-Forwarded-For": "192.0.2.7"}


@dataclasses.dataclass
class Login:
    """The application and its accounts."""

    app: Starlette
    security: JarvisSecurityService

    def add(self, name: str) -> None:
        """Make one of the accounts of the tests, if it is not there."""
        if all(one.name != name for one in self.security.accounts.all()):
            role, *teams = ACCOUNTS[name]
            self.security.add_account(name, role, teams=frozenset(teams), password=PASSWORD)

    def browser(self) -> httpx2.AsyncClient:
        transport = httpx2.ASGITransport(self.app)
        return httpx2.AsyncClient(transport=transport, base_url=ORIGIN, headers=PAGE)

    @contextlib.asynccontextmanager
    async def signed_in(self, name: str) -> AsyncIterator[httpx2.AsyncClient]:
        self.add(name)
        async with self.browser() as browser:
            form = form_of(await browser.get("/login"))
            form |= {"name": name, "password": PASSWORD}
            answer = await browser.post("/login", data=form, headers={"Origin": ORIGIN})
            assert answer.status_code == 303, answer.text
            yield browser

    def audit(self) -> list[dict]:
        return list(self.security.audit.entries())


def form_of(answer: httpx2.Response, action: str | None = None) -> dict[str, str]:
    """The hidden fields of a form of a page."""
    text = answer.text
    if action is not None:
        text = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', text, re.S)[0]
    return dict(re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)"', text))


@pytest.fixture
def make_login(tmp_path: Path) -> Callable[..., Login]:
    def make(*, other: dict[str, object] | None = None, **gateway: object) -> Login:
        path = tmp_path / "jarvis-core.yaml"
        path.write_text("{}")
        settings = with_embedded(load_settings(path))
        changed = settings.gateway.model_copy(update=gateway)
        settings = settings.model_copy(update={"gateway": changed, **(other or {})})
        core = core_services(settings)
        return Login(make_app(settings, core), core.security_service)

    return make


@pytest.fixture
def login(make_login: Callable[..., Login]) -> Login:
    return make_login()
