"""Reports, of videos and others, to those who may see them."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.gateway.library import Remembered
from jarvis_dagster.services.security import SecurityConfig
from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
from tests.gateway.real import report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gateway.conftest import Login
    from tests.servers import Server


@pytest.fixture
def login(make_login: Callable[..., Login], object_store: Server, tmp_path: Path) -> Login:
    config = StorageConfig(
        endpoint=object_store.address,
        access_key=object_store.access_key,
        secret_key=object_store.secret_key,
        secure=False,
        artifacts_bucket="gateway-reports",
    )
    storage = JarvisStorageService(config)
    storage.ensure_buckets()
    for key, drive in (("Bears-111111111111", "young"), ("Sharks-222222222222", "older")):
        report(storage, tmp_path / key, key, drive)
    for name, about in (("bears", {"team": "u18"}), ("sharks", {"team": "u20"}), ("platform", {})):
        path = tmp_path / f"week-{name}.html"
        path.write_text(f"<!doctype html><title>x</title><p>The week of {name}")
        storage.store("reports", path, about)
    storage.close()
    teams = SecurityConfig(
        directory=tmp_path / "security", drive_teams={"young": "u18", "older": "u20"}
    )
    return make_login(other={"storage": config, "security": teams})


@pytest.mark.parametrize(
    ("name", "videos", "weeks"),
    [
        ("kim", {"Bears"}, {"bears"}),
        ("dev", {"Bears", "Sharks"}, {"bears", "sharks", "platform"}),
    ],
)
def test_each_sees_what_is_theirs(
    login: Login, name: str, videos: set[str], weeks: set[str]
) -> None:
    async def look() -> None:
        async with login.signed_in(name) as browser:
            page = await browser.get("/reports")
            assert page.status_code == 200
            links = re.findall(r'href="(/reports/[^"]+)"', page.text)
            found = [(link, (await browser.get(link)).text) for link in links]
            assert {re.search("<h1>(.*)</h1>", t)[1] for _, t in found if "<h1>" in t} == videos
            assert {t.rpartition(" ")[2] for _, t in found if "<h1>" not in t} == weeks
            film = await browser.get(
                "/reports/Bears-111111111111/annotated.mp4", headers={"Range": "bytes=2-4"}
            )
            assert (film.status_code, film.text) == (206, "234")

    asyncio.run(look())


def test_what_is_another_teams_is_not_there(login: Login) -> None:
    async def look() -> None:
        async with login.signed_in("dev") as dev, login.signed_in("kim") as kim:
            links = re.findall(r'href="(/reports/[^"]+)"', (await dev.get("/reports")).text)
            own = re.findall(r'href="(/reports/[^"]+)"', (await kim.get("/reports")).text)
            others = [
                *(link for link in links if link not in own),
                "/reports/Sharks-222222222222/annotated.mp4",
                "/reports/Sharks-222222222222/highlights/1.jpg",
            ]
            assert len(others) == 5
            missing = await kim.get("/reports/Nobody-333333333333/report.html")
            for link in others:
                answer = await kim.get(link)
                assert answer.status_code == 404, link
                assert answer.text == missing.text  # whether it is there is not told either
                assert login.audit()[-1]["by"] == "kim"
                assert not login.audit()[-1]["allowed"]

    asyncio.run(look())


@pytest.mark.parametrize(("takes_s", "rests_s"), [(0.1, 10), (2, 38), (30, 60)])
def test_a_long_list_is_read_less_often(takes_s: float, rests_s: float) -> None:
    now, reads = [0.0], []

    def read() -> int:
        now[0] += takes_s
        reads.append(now[0])
        return len(reads)

    remembered = Remembered(read, clock=lambda: now[0])
    assert (remembered.get(), remembered.get()) == (1, 1)
    now[0] = reads[0] + rests_s - 0.5
    assert remembered.get() == 1
    now[0] += 1
    assert remembered.get() == 2
