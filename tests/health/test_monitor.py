"""A service is down after several failed looks in a row, and one that hangs holds up nothing."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from jarvis_dagster.errors import TransientError
from jarvis_dagster.monitoring.watching import SERVICES, notice_of
from jarvis_dagster.services.health import NEEDS, HealthConfig, HealthMonitor, stands_still

if TYPE_CHECKING:
    from collections.abc import Iterator


class Service:
    """Works, fails, or hangs."""

    def __init__(self) -> None:
        self.fails = False
        self.hangs = False
        self.free = threading.Event()

    def check(self) -> None:
        if self.hangs:
            self.free.wait(30)
        if self.fails:
            raise TransientError("storage does not answer.", "Start it: `jarvis up`.")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service()
    yield service
    service.free.set()


def monitor(service: Service, clock: Clock | None = None, **settings: float) -> HealthMonitor:
    config = HealthConfig(**({"timeout_s": 0.2} | settings))  # type: ignore[arg-type]
    probes = {"storage": service.check, "workflow": lambda: None}
    return HealthMonitor(probes, config, **({"clock": clock} if clock else {}))


def test_three_failed_looks_in_a_row_are_down_and_one_good_one_is_up(service: Service) -> None:
    clock = Clock()
    health = monitor(service, clock)
    assert health.look() == []
    assert health.is_ready()
    service.fails = True
    for _ in range(2):
        clock.now += 30
        assert health.look() == []
    assert health.is_ready()
    clock.now += 30
    (change,) = health.look()
    assert (change.health.healthy, change.health.failures) == (False, 3)
    assert change.health.since == 1090
    assert "delivering results" in change.stands_still
    assert not health.is_ready()
    assert health.look() == []  # told once
    service.fails = False
    (change,) = health.look()
    assert change.health.healthy
    assert health.is_ready()


def test_nothing_is_ready_before_it_was_seen_to_work(service: Service) -> None:
    health = monitor(service)
    assert not health.is_ready()
    service.fails = True
    health.look()
    assert not health.is_ready()
    service.fails = False
    health.look()
    assert health.is_ready()


def test_failures_that_are_not_in_a_row_do_not_count(service: Service) -> None:
    health = monitor(service)
    for _ in range(4):
        for fails in (True, True, False):
            service.fails = fails
            assert health.look() == []


def test_a_service_that_hangs_holds_up_nothing_and_is_asked_by_one_thread(
    service: Service,
) -> None:
    health = monitor(service, tries=2)
    service.hangs = True
    before = threading.active_count()
    assert health.look() == []
    (change,) = health.look()
    health.look()
    assert change.health.service == "storage"
    assert "No answer within 0.2 s" in change.health.error
    assert threading.active_count() <= before + 1
    by_name = {one.service: one for one in health.status()}
    assert by_name["workflow"].healthy
    service.hangs = False
    service.free.set()
    health._hanging["storage"].join()
    (change,) = health.look()
    assert change.health.healthy


def test_an_error_of_any_kind_is_a_failure() -> None:
    def broken() -> None:
        raise RuntimeError("nobody thought of this")

    health = HealthMonitor({"x": broken}, HealthConfig(tries=1))
    (change,) = health.look()
    assert change.health.error == "RuntimeError: nobody thought of this"


def test_it_is_live_while_it_looks(service: Service) -> None:
    clock = Clock()
    health = monitor(service, clock, interval_s=30.0, timeout_s=10.0)
    assert not health.is_live()
    health.look()
    assert health.is_live()
    clock.now += 121
    assert not health.is_live()


def test_each_service_has_something_that_needs_it() -> None:
    assert {name for needed in NEEDS.values() for name in needed} == set(SERVICES)
    assert stands_still([]) == []
    assert stands_still(["workflow"]) == ["workflows and approvals"]


def test_people_are_told_what_stands_still(service: Service) -> None:
    health = monitor(service, tries=1)
    service.fails = True
    (change,) = health.look()
    notice = notice_of(change)
    assert notice.severity == "critical"
    assert notice.remedy == "Start it: `jarvis up`."
    assert "analysing videos" in notice.details["Stands still"]
    service.fails = False
    (change,) = health.look()
    assert notice_of(change).event == "service_up"
