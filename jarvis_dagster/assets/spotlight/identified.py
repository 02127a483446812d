"""Identified: which tracks are one person, over shots and absences."""

from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import (
    columns,
    kept,
    preview,
    row_count,
    seconds_of,
)
from jarvis_dagster.assets.spotlight.corrected import (
    corrected_provenance,
    corrections,
    corrections_of,
)
from jarvis_dagster.assets.spotlight.people import SPOTLIGHT, tracks
from jarvis_dagster.assets.spotlight.play import positions
from jarvis_dagster.assets.spotlight.reading import jersey_numbers
from jarvis_dagster.hockey.tables import IDENTITIES, JERSEYS, POSITIONS, TRACKS
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["identities"]

PERSONS_ARE_IN_ONE_PLACE = dg.AssetCheckSpec(
    "persons_are_in_one_place",
    asset=dg.AssetKey(["spotlight", "identities"]),
    description="Nobody is in two places at a time or gets from one to the next too fast, and"
    " no team has more than two goalkeepers.",
)


@dg.asset(
    key=["spotlight", "identities"],
    deps=[tracks, positions, jersey_numbers, corrections],
    kinds={"parquet"},
    metadata=columns(IDENTITIES),
    check_specs=[PERSONS_ARE_IN_ONE_PLACE],
    **SPOTLIGHT,
)
def identities(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult:
    """Which tracks are one person, by number, team, role and place; "unknown" where none tells."""
    from jarvis_dagster.hockey.identities import UNKNOWN, contradictions, identify, persons
    from jarvis_dagster.hockey.review.persons import correct_persons

    space = workspace.of(context.partition_key)
    with failures(context), seconds_of() as elapsed:
        source = space.json("footage", "source")
        followed = space.table("tracks", "tracks", TRACKS)
        placed: pd.DataFrame | None = None
        if space.json("positions", "support")["supported"]:
            placed = space.table("positions", "positions", POSITIONS)
        numbers = space.table("jersey_numbers", "jersey_numbers", JERSEYS)
        worn = space.table("detections", "kit")
        colours = worn.filter(regex="^(torso|legs)_")
        found = identify(
            followed,
            fps=source["facts"]["fps"],
            positions=placed,
            jerseys=numbers,
            kit=colours.to_numpy("float32"),
        )
        found = correct_persons(found, followed, corrections_of(space))
        provenance = corrected_provenance(workspace.settings, space, source)
        table = space.keep_table("identities", "identities", found, IDENTITIES, provenance)
        wrong = contradictions(found, followed, placed)
        known = persons(found)
    return dg.MaterializeResult(
        metadata={
            **row_count(found),
            "persons": len(known),
            "numbered": found.loc[found["number"] != "", "person_id"].nunique(),
            "tracks_joined": sum(len(part) for part in known.values() if len(part) > 1),
            "unknown_tracks": int((found["person_id"] == UNKNOWN).sum()),
            "tracks_with_a_number": len(numbers),
            "positions": "not supported" if placed is None else "valid where the rink is seen",
            "model_version": provenance.model_version,
            "first_rows": preview(found[found["person_id"] != UNKNOWN]),
            "seconds": elapsed(),
            **kept(table),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=not wrong,
                check_name=PERSONS_ARE_IN_ONE_PLACE.name,
                asset_key=PERSONS_ARE_IN_ONE_PLACE.asset_key,
                severity=dg.AssetCheckSeverity.WARN,
                description=" ".join(wrong) or None,
                metadata={"contradictions": len(wrong)},
            )
        ],
    )
