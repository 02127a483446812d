"""Renews the table of all games when a video was delivered."""

import dagster as dg

from jarvis_dagster.assets.delivery import results
from jarvis_dagster.jobs import list_games

__all__ = ["games_sensor"]


@dg.asset_sensor(
    asset_key=results.key,
    job=list_games,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Renews the table of all games; of several videos at once, after the last.",
)
def games_sensor(
    context: dg.SensorEvaluationContext, asset_event: dg.EventLogEntry
) -> dg.RunRequest:
    """One run for the newest delivery."""
    context.log.info(f"{asset_event.run_id} delivered a video")
    return dg.RunRequest(run_key=context.cursor)
