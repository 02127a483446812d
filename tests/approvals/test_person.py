"""A person with a phone: opens the link of a message, signs in, looks, and says yes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.gateway.app import make_app
from jarvis_dagster.services.approval import Figure
from jarvis_dagster.settings import load_settings
from jarvis_dagster.wiring import core_services, with_embedded
from tests.gateway.browser import Browser, find_chromium, open_browser
from tests.gateway.conftest import PASSWORD
from tests.servers import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jarvis_dagster.services.core import JarvisCoreServices

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]
_LONG = "Tigers-Bears_2026-11-28_northern-rink_camera-2_second-and-third-period.mp4"


@pytest.fixture
def core(tmp_path: Path) -> Iterator[JarvisCoreServices]:
    """A login that serves on a port of its own."""
    import uvicorn

    (port,) = free_ports(1)
    path = tmp_path / "jarvis-core.yaml"
    path.write_text(
        f"gateway: {{url: 'http://127.0.0.1:{port}'}}\napprovals: {{results: {{required: true}}}}"
    )
    core = core_services(load_settings(path))
    core.security_service.add_account("kim", "user", teams=frozenset({"u18"}), password=PASSWORD)
    app = make_app(with_embedded(load_settings(path)), core)
    config = uvicorn.Config(app, host="127.0.0.1", port=port, ws="none", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    yield core
    server.should_exit = True
    thread.join(240)  # which closes the services, too


def test_from_the_message_to_the_yes(core: JarvisCoreServices, tmp_path: Path) -> None:
    service = core.approval_service
    asked = service.ask(
        "results",
        "tigers-bears-0a1b2c3d4e5f",
        {"files": {"report.html": "ab" * 32}},
        [Figure("goalkeepers", 1, 2), Figure("people", 14, 14)],
        title=f"Deliver the results of {_LONG}",
        team="u18",
        by="process_video",
    )
    link = service.address(asked)
    assert link is not None
    with open_browser(tmp_path / "chromium") as browser:
        browser.size(390, 844)
        browser.open(link)
        assert "Sign in" in browser.text()
        sign_in(browser)
        assert _LONG in browser.text()
        assert "goalkeepers" in browser.text()
        for dark in (False, True):
            browser.size(390, 844, dark=dark)
            assert not browser.overflows()
        assert not browser.said, browser.said  # nothing that the page's own policy forbids
        labelled = "document.querySelector('#reason').labels.length"
        assert browser.value(labelled) == 1
        browser.fill_in("#reason", "Looks right.")
        browser.press("button[value=approved]")
        assert "you have approved it" in browser.text()
        assert not browser.overflows()
        browser.open(link)  # again: it says how it ended
        assert "approved by kim: Looks right." in browser.text()
    done = service.get(asked.id)
    assert (done.state, done.decided_by) == ("approved", "kim")


def sign_in(browser: Browser) -> None:
    browser.fill_in("#name", "kim")
    browser.fill_in("#password", PASSWORD)
    browser.press("form[action='/login'] button")
