"""How several workers share the tests (``-n 3 --dist loadfile``).

Belongs here: which files are begun first, so that no worker waits for the other at the end, and
which stay together. Does not belong here: fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import LoadFileScheduling

_TOGETHER = ("tests/review/", "tests/gateway/")
"""Folders whose tests share what takes long to make."""

_LONGEST_FIRST = (
    *("review/", "gateway/"),
    *("stack/test_whole.py", "pipeline/test_main_job.py", "toolchain/test_pipeline.py"),
    *("pipeline/test_hostile_videos.py", "experiments/test_runs.py", "toolchain/test_workflow.py"),
    *("stack/test_stack.py", "workflows/test_fan_out.py", "promotion/test_retraining.py"),
    *("promotion/test_promotion.py", "reporting/test_weekly.py", "pipeline/test_integrity.py"),
    *("promotion/test_shadow.py", "workflows/test_driving.py", "security/test_components.py"),
    *("toolchain/test_assets.py", "autopilot/test_pilot.py", "toolchain/test_kinds.py"),
    *("limits/test_recovery.py", "components/test_components.py", "detection/test_adaptation.py"),
    *("scoreboard/test_reading.py", "experiments/test_collaboration.py", "toolchain/test_again.py"),
    *("docs/test_readme.py", "detection/test_sweep.py", "search/test_extraction.py"),
    *("approvals/test_workflow.py", "monitoring/test_live.py", "stack/test_borrowing.py"),
    *("toolchain/test_command.py", "approvals/test_delivery.py", "sensors/test_arrivals.py"),
    *("services/onedrive/test_faults.py", "services/test_storage_care.py"),
    *("services/test_storage_uploads.py", "detection/test_detector.py"),
)
"""Files, or folders, that take more than about ten seconds, below ``tests/``."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: _rank(item.nodeid))


def _rank(nodeid: str) -> int:
    name = nodeid.partition("::")[0].removeprefix("tests/")
    for rank, long in enumerate(_LONGEST_FIRST):
        if name.startswith(long):
            return rank
    return len(_LONGEST_FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class LongestFirst(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            together = (folder for folder in _TOGETHER if nodeid.startswith(folder))
            return next(together, super()._split_scope(nodeid))

    config.option.loadscopereorder = False  # the most tests first: the longest are alone in a file
    return LongestFirst(config, log)
