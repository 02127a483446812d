"""Of a run that fails people are told the asset, the video and the remedy."""

from typing import TYPE_CHECKING

import dagster as dg
import pytest
import yaml

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.errors import BadVideoError
from jarvis_dagster.resources.services import NotificationResource
from jarvis_dagster.resources.workspace import WorkspaceResource
from jarvis_dagster.sensors.notices import (
    failure_notice,
    results_notice,
    send_notices,
    tell_of_failure,
)
from tests.notification.receivers import Hook, hook

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

VIDEO = "final-1a2b3c4d"


@pytest.fixture
def web() -> "Iterator[Hook]":
    with hook() as told:
        yield told


@pytest.fixture
def notifications(tmp_path: "Path", web: Hook) -> NotificationResource:
    settings = {
        "stack": {"data_dir": str(tmp_path / "data")},
        "notification": {
            "channels": {"web": {"url": f"json://127.0.0.1:{web.port}/told"}},
        },
    }
    file = tmp_path / "jarvis-core.yaml"
    file.write_text(yaml.safe_dump(settings))
    return NotificationResource(config_file=str(file))


@dg.asset(key=["spotlight", "tracks"], partitions_def=dg.DynamicPartitionsDefinition(name="v"))
def tracks(context: dg.AssetExecutionContext, workspace: WorkspaceResource) -> None:
    with failures(context):
        raise BadVideoError("final.mp4 is cut off.", "Upload it again.")


def failed_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.RunStatusSensorContext:
    instance.add_dynamic_partitions("v", [VIDEO])
    done = dg.materialize(
        [tracks],
        instance=instance,
        partition_key=VIDEO,
        resources={"workspace": WorkspaceResource()},
        raise_on_error=False,
        tags=tags,
    )
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert not done.success
    return dg.build_run_status_sensor_context(
        sensor_name="tell_of_failures",
        dagster_event=done.get_run_failure_event(),
        dagster_instance=instance,
        dagster_run=run,
    )


def test_a_failed_run_is_told_with_its_asset_video_and_remedy(
    notifications: NotificationResource, web: Hook
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(3):  # and again by hand: the same cause
            tell_of_failure(failed_run(instance, {}), notifications=notifications)
        send_notices(dg.build_sensor_context(instance), notifications=notifications)
    (post,) = web.posts
    assert post["title"] == f"Jarvis error: spotlight/tracks failed for the video {VIDEO}."
    assert "What to do: Upload it again." in post["message"]
    assert "What happened: final.mp4 is cut off." in post["message"]
    assert "3 times" in post["message"]


def test_a_run_that_is_tried_again_is_not_told(
    notifications: NotificationResource, web: Hook
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        context = failed_run(instance, {"dagster/will_retry": "true"})
        tell_of_failure(context, notifications=notifications)
    assert notifications.service.messages() == []


def test_a_run_that_died_is_told_with_what_is_known() -> None:
    notice = failure_notice("list_games", {}, [], "Run worker was killed.")
    assert notice.summary == "list_games failed."
    assert notice.details == {"What happened": "Run worker was killed."}
    assert notice.remedy


def test_results_are_told_of_videos_only() -> None:
    assert results_notice({}) is None
    notice = results_notice({"dagster/partition": VIDEO})
    assert notice is not None
    assert VIDEO in notice.summary
    assert notice.severity == "info"


def test_what_cannot_be_sent_waits(notifications: NotificationResource, web: Hook) -> None:
    web.answers = [503]
    notifications.service.notify(failure_notice("list_games", {}, [], ""))
    context = dg.build_sensor_context()
    skipped = send_notices(context, notifications=notifications)
    assert skipped.skip_message == "0 sent, 1 again later, 0 given up"
