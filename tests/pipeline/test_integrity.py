"""A ledger that cannot be true is not delivered, and the coach is told."""

from pathlib import Path

import dagster as dg
import pytest

from jarvis_dagster.hockey import events
from tests.pipeline.test_main_job import process, upload


@pytest.mark.usefixtures("config")
def test_what_cannot_be_true_is_not_delivered_until_it_is_mended(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded = upload(clip, "game.mp4")
    results = uploaded.parents[1] / "Results" / "game"
    build = events.build_ledger

    def faulty(*tables, **options):  # type: ignore[no-untyped-def]
        ledger = build(*tables, **options)
        wrong = ledger.assign(confidence=7.0)
        wrong.attrs = ledger.attrs
        return wrong

    with dg.DagsterInstance.ephemeral() as instance:
        with monkeypatch.context() as patch:
            patch.setattr(events, "build_ledger", faulty)
            _, result = process(instance, raise_on_error=False)
        assert not result.success
        (failed,) = [check for check in result.get_asset_check_evaluations() if not check.passed]
        assert failed.check_name == "confidences_are_shares"
        note = (results / "Not delivered.txt").read_text("utf-8")
        assert "confidences lie outside 0 to 1" in note
        assert "confidences_are_shares" in note
        assert "game.mp4" in note
        assert not (results / "report.html").exists()

        _, result = process(instance)
        assert result.success
    assert (results / "report.html").exists()
    assert not (results / "Not delivered.txt").exists()
