"""Promotion: the decision between champion and challenger, and the truth about the champion."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.services import ExperimentResource, identity_of
from jarvis_dagster.resources.workspace import WorkspaceResource

if TYPE_CHECKING:
    from jarvis_dagster.services.experiment import JarvisExperimentService
    from jarvis_dagster.services.experiment.registry import Registered

__all__ = [
    "ChampionConfig",
    "PromotionConfig",
    "champion",
    "promotion_decision",
    "the_champion_was_decided",
]


class PromotionConfig(dg.Config):
    """What is judged."""

    model: str = Field("", description="What is judged; by default the detector.")
    version: str = Field("challenger", description="A version, or an alias, of the model.")
    move: bool = Field(True, description="Whether a better one becomes the champion at once.")


@dg.asset(
    key=["toolchain", "promotion_decision"],
    group_name="toolchain",
    owners=["team:toolchain"],
    kinds={"mlflow"},
)
def promotion_decision(
    context: dg.AssetExecutionContext,
    config: PromotionConfig,
    workspace: WorkspaceResource,
    progress: LogProgress,
) -> dg.MaterializeResult:
    """Whether the challenger is really better than the champion on the frozen games.

    It is made the champion only if it is. The record says what the decision follows from.
    """
    from jarvis_dagster.promoting import Promoter

    with failures(context), seconds_of() as elapsed:
        promoter = Promoter(
            workspace.settings, workspace.core, progress.update, config.model or None
        )
        decision = promoter.decide(
            config.version, by=_person(context), identity=identity_of(context)
        )
        moved, waits = False, ""
        if config.move and decision.promoted:
            answer, move = promoter.settle(decision, by=_person(context))
            moved = move is not None
            waits = "" if moved else f"{answer.id}: {answer.words()}"
    record = decision.record
    reasons = "\n".join(f"- {reason}" for reason in record["verdict"]["reasons"])
    return dg.MaterializeResult(
        metadata={
            "promoted": moved,
            **({"approval": waits} if waits else {}),
            "reasons": dg.MetadataValue.md(reasons),
            "model": record["model"],
            "champion": record["champion"]["label"],
            "challenger": record["challenger"]["label"],
            "figures": _figures(record),
            "games": f"{record['games']['name']} {record['games']['version']}",
            "games_sha256": record["games"]["sha256"],
            "shadow_runs": record["shadow"]["videos"],
            "record": decision.id,
            "seconds": elapsed(),
        }
    )


class ChampionConfig(dg.Config):
    """What was approved."""

    approval: str = Field(description="The id of the approval (`jarvis approvals list`).")


@dg.asset(
    key=["toolchain", "champion"],
    deps=[promotion_decision],
    group_name="toolchain",
    owners=["team:toolchain"],
    kinds={"mlflow"},
)
def champion(
    context: dg.AssetExecutionContext, config: ChampionConfig, workspace: WorkspaceResource
) -> dg.MaterializeResult:
    """The model that a person has approved, made the champion."""
    from jarvis_dagster.promoting import Promoter

    with failures(context):
        done = Promoter(workspace.settings, workspace.core).apply_approved(config.approval)
    return dg.MaterializeResult(
        metadata={
            "model": done.subject,
            "version": done.content["to"],
            "in_place_of": done.content["from"] or "what ships with Jarvis",
            "approval": done.id,
            "approved_by": done.decided_by,
            "record": done.content["decision"],
        }
    )


def _person(context: dg.AssetExecutionContext) -> str:
    return context.run.tags.get("user", f"Dagster run {context.run.run_id[:8]}")


def _figures(record: dict[str, Any]) -> dg.MetadataValue:
    def percent(value: float) -> float:
        return round(100 * value, 1)

    rows = [(f["name"], f, f["gain"]) for f in record["verdict"]["figures"]]
    rows += [(f"F1 of {r['role']}s", r, r["change"]) for r in record["verdict"]["roles"]]
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "figure": name,
                    "champion": percent(both["champion"]),
                    "challenger": percent(both["challenger"]),
                    "change": percent(change["estimate"]),
                    "low": percent(change["low"]),
                    "high": percent(change["high"]),
                }
            )
            for name, both, change in rows
        ],
        schema=dg.TableSchema(
            [
                dg.TableColumn("figure", "string"),
                *(
                    dg.TableColumn(name, "float")
                    for name in ("champion", "challenger", "change", "low", "high")
                ),
            ]
        ),
    )


@dg.asset_check(
    asset=promotion_decision,
    description="The champion became it by a recorded decision or a rollback, and its file reads"
    " back as it was registered.",
)
def the_champion_was_decided(experiments: ExperimentResource) -> dg.AssetCheckResult:
    """Compare the alias with the history of its moves, and fetch the file."""
    settings, service = experiments.settings, experiments.service
    names = (settings.promotion.model, settings.promotion.roles_model)
    champions = {name: service.model(name, "champion") for name in names}
    against = [
        text
        for name, champion in champions.items()
        for text in _against(service, name, champion, settings.data_dir / "models" / name)
    ]
    detector, roles = champions.values()
    return dg.AssetCheckResult(
        passed=not against,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" ".join(against) or None,
        metadata={
            "champion": detector.version if detector else "the packaged detector",
            "champion_of_roles": roles.version if roles else "the detector's own roles",
        },
    )


def _against(
    service: "JarvisExperimentService", name: str, champion: "Registered | None", folder: Path
) -> list[str]:
    """What is wrong with the champion of the model ``name``."""
    from jarvis_dagster.champions import local_copy
    from jarvis_dagster.errors import PermanentError

    moves = [move for move in service.moves(name) if move.alias == "champion"]
    last = moves[-1] if moves else None
    if champion is None:
        if last is not None and last.to is not None:
            return [f"Version {last.to} of {name} was the champion, and no move says why not now."]
        return []
    against = []
    if last is None or last.to != champion.version:
        against.append(
            f"Version {champion.version} of {name} was made the champion outside of Jarvis."
        )
    elif last.how == "set":
        against.append(
            f"{last.by} made version {last.to} of {name} the champion without a decision."
        )
    try:
        local_copy(service, champion, folder)
    except PermanentError as error:
        against.append(error.what)
    return against
