"""A person in a browser, at a desk and on a phone: signs in, sees the lineage, opens a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.gateway.browser import Browser, find_chromium, open_browser
from tests.gateway.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.gateway.real import Gateway

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium (apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with open_browser(tmp_path_factory.mktemp("chromium")) as one:
        yield one


def sign_in(browser: Browser, name: str) -> None:
    browser.fill_in("#name", name)
    browser.fill_in("#password", PASSWORD)
    browser.press("form[action='/login'] button")


def test_a_developer_sees_the_lineage_and_may_only_look(browser: Browser, gateway: Gateway) -> None:
    browser.said.clear()  # of other tests
    browser.size(1280, 800)
    browser.open(f"{gateway.origin}/dagster/asset-groups")
    assert "Sign in" in browser.text()
    sign_in(browser, "dev")
    browser.wait_for("location.pathname === '/dagster/asset-groups'")
    browser.wait_for("document.body.innerText.includes('detections')")
    assert not [one for one in browser.said if "Content Security Policy" in one], browser.said
    browser.open(f"{gateway.origin}/")
    assert "look only" in browser.text()
    assert browser.value("document.cookie") == ""
    browser.press("form.leave button")
    assert "signed out" in browser.text()


def test_a_coach_opens_a_report_on_a_phone(browser: Browser, gateway: Gateway) -> None:
    browser.size(390, 844, dark=True)
    browser.open(f"{gateway.origin}/reports")
    assert not browser.overflows()
    sign_in(browser, "kim")
    assert "Bears.mp4" in browser.text()
    assert "1:23 min" in browser.text()
    assert not browser.overflows()
    browser.press("a.row")
    assert browser.value("document.querySelector('h1').innerText") == "Bears"
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(1, 2, 3)"
    assert browser.value("document.title") == "x"  # no script of a report runs
    for page in ("/", "/account"):
        browser.open(f"{gateway.origin}{page}")
        assert not browser.overflows(), page
        assert browser.value("document.querySelectorAll('h1').length") == 1
        fields = "[...document.querySelectorAll('input:not([type=hidden])')]"
        assert browser.value(f"{fields}.filter(one => !one.labels.length).length") == 0
    browser.press("form.leave button")
