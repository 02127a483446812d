"""A job of the name and with the metadata of the real one, that takes no time."""

from typing import Any

import dagster as dg

from jarvis_dagster.assets.partitions import VIDEOS

__all__ = ["play", "process_video"]


class Play(dg.Config):
    fails: bool = False


@dg.asset(key=["footage", "video"], partitions_def=VIDEOS)
def video() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"frame_count": 1800, "duration_s": 60.0, "seconds": 2.0})


@dg.asset(key=["footage", "preflight"], deps=[video], partitions_def=VIDEOS)
def preflight() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"grades": {"tracks": "B", "events": "C"}, "seconds": 3.0})


@dg.asset(
    key=["spotlight", "events"],
    deps=[preflight],
    partitions_def=VIDEOS,
    check_specs=[dg.AssetCheckSpec("ledger_is_sound", asset=["spotlight", "events"])],
)
def events(config: Play) -> dg.MaterializeResult:
    if config.fails:
        raise dg.Failure("It was asked to fail.", allow_retries=False)
    return dg.MaterializeResult(
        metadata={"by_type": {"rush": 14, "shot": 3}, "seconds": 8.0},
        check_results=[dg.AssetCheckResult(check_name="ledger_is_sound", passed=True)],
    )


@dg.asset(key=["toolchain", "promotion_decision"])
def decision() -> dg.MaterializeResult:
    row = {"figure": "ap50", "champion": 71.5, "challenger": 73.0, "change": 1.5}
    return dg.MaterializeResult(
        metadata={"figures": dg.MetadataValue.table([dg.TableRecord({**row, "low": 0, "high": 3})])}
    )


_definitions = dg.Definitions(
    assets=[video, preflight, events, decision],
    jobs=[
        dg.define_asset_job("process_video", selection=[video, preflight, events]),
        dg.define_asset_job("decide_promotion", selection=[decision]),
    ],
    executor=dg.in_process_executor,
)
process_video = _definitions.resolve_job_def("process_video")


def play(instance: dg.DagsterInstance, name: str = "process_video", *, fails: bool = False) -> Any:
    """Run a job to its end."""
    instance.add_dynamic_partitions(VIDEOS.name or "", ["game-0123456789ab"])
    ops = {"spotlight__events": {"config": {"fails": fails}}} if name == "process_video" else {}
    return _definitions.resolve_job_def(name).execute_in_process(
        instance=instance,
        partition_key="game-0123456789ab" if name == "process_video" else None,
        run_config={"ops": ops},
        raise_on_error=False,
    )
