"""Decisions: what the Autopilot saw, considered and chose."""

import dagster as dg

from jarvis_dagster.assets.autopilot.performance import AUTOPILOT, charts, performance
from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import kept, seconds_of
from jarvis_dagster.errors import JarvisError
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["decisions", "no_change_made_it_worse"]

_SHOWN = 10
_PAGE = "autopilot/log.html"


@dg.asset(
    key=["autopilot", "decisions"],
    deps=[performance, ["workflows", "autonomous_hockey_analysis"]],
    kinds={"json", "html"},
    **AUTOPILOT,
)
def decisions(
    context: dg.AssetExecutionContext, workspace: WorkspaceResource
) -> dg.MaterializeResult:
    """The log of decisions, as a page in the object store; the last ones are shown here.

    They are made by the workflow `autonomous-hockey-analysis`.
    """
    import tempfile
    from pathlib import Path

    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.autopilot.outcomes import ROUTINE
    from jarvis_dagster.autopilot.report import log_page

    with failures(context), seconds_of() as elapsed, tempfile.TemporaryDirectory() as scratch:
        pilot = Pilot(workspace.settings, workspace.core)
        made = pilot.library.decisions()
        page = Path(scratch) / "log.html"
        page.write_text(log_page(pilot), "utf-8")
        ref = pilot.library.storage.put_file(_PAGE, page)
        pictures = charts(pilot, Path(scratch))
        in_force = {
            name: {"version": current.version, **current.parameters.to_json()}
            for name in pilot.cameras()
            if (current := pilot.library.current(name)).version
        }
    counts: dict[str, int] = {}
    for one in made:
        counts[one["outcome"]] = counts.get(one["outcome"], 0) + 1
    shown = [one for one in made if one["outcome"] not in ROUTINE][-_SHOWN:]
    said = [
        f"- {one['at'][:16]} **{one['camera']} #{one['number']}: {one['outcome']}**. {one['why']}"
        for one in reversed(shown)
    ]
    return dg.MaterializeResult(
        metadata={
            "decisions": len(made),
            "by_outcome": dg.MetadataValue.json(counts),
            "last": dg.MetadataValue.md("\n".join(said) or "Nothing was tried or changed."),
            "adapted_parameters": dg.MetadataValue.json(in_force),
            **pictures,
            "seconds": elapsed(),
            **kept(ref),
        }
    )


@dg.asset_check(
    asset=decisions,
    description="Since a camera's parameters were changed or a model was promoted, performance"
    " is what it was, or better, as far as there is evidence.",
)
def no_change_made_it_worse(workspace: WorkspaceResource) -> dg.AssetCheckResult:
    """A change whose rollback is due, or cannot be done, is told."""
    from jarvis_dagster.autopilot import Pilot
    from jarvis_dagster.autopilot.report import rows_of

    pilot = Pilot(workspace.settings, workspace.core)
    rows = rows_of(pilot)
    against = [f"{row['camera']}: {row['why']}" for row in rows if row["next"] == "rollback"]
    for watch in pilot.watches:
        try:
            found = watch.stands()
        except JarvisError as error:
            against.append(f"How the promoted {watch.of.title} does is not known: {error}")
        else:
            if found is not None and found.trial.action in {"rollback", "warn"}:
                against.append(found.trial.why)
    return dg.AssetCheckResult(
        passed=not against,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(against) or None,
        metadata={"cameras": len(rows)},
    )
