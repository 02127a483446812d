"""Trainings: the data of a model, the model, and its registration as a challenger.

Each pipeline is three assets of one shape; what it learns is its ``Kind``.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg
from pydantic import Field

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.assets.toolchain.datasets import dataset
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workshop import WorkshopResource
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["TRAININGS", "TrainingConfig", "training_assets", "training_jobs"]

TRAININGS = {
    "hockey_detection": "hockey-detection",
    "roles": "hockey-role-classification",
    "ice": "ice-surface-detection",
}
"""Pipelines by the name of their assets."""

_COMMON: dict[str, Any] = {
    "group_name": "toolchain",
    "owners": ["team:toolchain"],
    "io_manager_key": "documents",
}


class TrainingConfig(dg.Config):
    """What to train on."""

    dataset: str = Field(description="NAME, NAME@NUMBER or NAME@VERSION of the store.")
    test: list[str] = Field([], description="Videos to judge by; empty: chosen.")
    validation: list[str] = Field([], description="Videos to choose by; empty: chosen.")
    options: dict[str, Any] = Field({}, description="Of the pipeline: steps, seed and the like.")
    accept_errors: bool = Field(False, description="Train in spite of errors in the dataset.")


def training_assets() -> list[dg.AssetsDefinition]:
    """The assets of every pipeline."""
    return [
        made
        for name, pipeline in TRAININGS.items()
        for made in (_data(name, pipeline), _model(name), _challenger(name))
    ]


def training_jobs() -> list[Any]:
    """``train_hockey_detection`` and its like: the three assets of a pipeline in one run."""
    return [
        dg.define_asset_job(
            f"train_{name}",
            selection=dg.AssetSelection.assets(
                *(["toolchain", f"{name}_{part}"] for part in ("data", "model", "challenger"))
            ),
            executor_def=dg.in_process_executor,
            description=f"{pipeline}: from a dataset to a registered challenger.",
        )
        for name, pipeline in TRAININGS.items()
    ]


def _data(name: str, pipeline: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["toolchain", f"{name}_data"],
        deps=[dataset],
        kinds={"json"},
        description=f"What {pipeline} learns from: a checked dataset, split by video.",
        **_COMMON,
    )
    def data(
        context: dg.AssetExecutionContext,
        config: TrainingConfig,
        workshop: WorkshopResource,
        workspace: WorkspaceResource,  # noqa: ARG001 - `failures` asks it for room
        progress: LogProgress,
    ) -> Any:
        with failures(context), seconds_of() as elapsed:
            shop = workshop.open(lambda d, t: progress.update("check", d, t), "dagster")
            prepared = shop.data_preparation({"pipeline": pipeline, **config.model_dump()})
        split = prepared["job"]["split"]
        context.add_output_metadata(
            {
                "dataset": prepared["job"]["dataset"],
                **{part: split[part] for part in ("training", "validation", "test")},
                "pictures": {k: row["labelled"] for k, row in prepared["summary"].items()},
                "report": dg.MetadataValue.path(prepared["report_key"]),
                "seconds": elapsed(),
            }
        )
        return prepared

    return data


def _model(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["toolchain", f"{name}_model"],
        ins={"prepared": dg.AssetIn(["toolchain", f"{name}_data"])},
        kinds={"onnx", "mlflow"},
        description="The trained model; a stopped training goes on from its checkpoint.",
        **_COMMON,
    )
    def model(
        context: dg.AssetExecutionContext,
        prepared: dict[str, Any],
        workshop: WorkshopResource,
        workspace: WorkspaceResource,  # noqa: ARG001 - `failures` asks it for room
        progress: LogProgress,
    ) -> Any:
        with failures(context):
            shop = workshop.open(lambda d, t: progress.update("train", d, t), "dagster")
            trained = shop.training(prepared)
        context.add_output_metadata(
            {
                "object": dg.MetadataValue.path(shop.storage.url(trained["model_key"])),
                "sha256": trained["sha256"],
                "mlflow_run_id": trained["run_id"],
                "seconds": trained["seconds"],
            }
        )
        return trained

    return model


def _challenger(name: str) -> dg.AssetsDefinition:
    key = ["toolchain", f"{name}_challenger"]

    @dg.asset(
        key=key,
        ins={"trained": dg.AssetIn(["toolchain", f"{name}_model"])},
        kinds={"mlflow"},
        description="The model measured on held-out videos and registered as the challenger.",
        check_specs=[
            dg.AssetCheckSpec(
                "challenger_beats_what_is_in_use",
                asset=key,
                description="On the same held-out videos the deciding figure is higher.",
            )
        ],
        **_COMMON,
    )
    def challenger(
        context: dg.AssetExecutionContext,
        trained: dict[str, Any],
        workshop: WorkshopResource,
        workspace: WorkspaceResource,  # noqa: ARG001 - `failures` asks it for room
        progress: LogProgress,
    ) -> Iterator[Any]:
        with failures(context), seconds_of() as elapsed:
            shop = workshop.open(lambda d, t: progress.update("evaluate", d, t), "dagster")
            done = shop.deployment(shop.evaluation(trained))
        figures, baseline = done["figures"]["metrics"], done["baseline"]["metrics"]
        yield dg.Output(
            done,
            metadata={
                "model": f"{done['model']} {done['version']}",
                "baseline": done["baseline_name"],
                "figures": _table(figures, baseline),
                "by_video": done["figures"]["by_video"],
                "seconds": elapsed(),
            },
        )
        yield dg.AssetCheckResult(
            check_name="challenger_beats_what_is_in_use",
            passed=bool(done["better"]),
            severity=dg.AssetCheckSeverity.WARN,
        )

    return challenger


def _table(figures: dict[str, float], baseline: dict[str, float]) -> dg.MetadataValue:
    return dg.MetadataValue.table(
        [
            dg.TableRecord({"figure": name, "challenger": round(value, 4), "in use": round(old, 4)})
            for name, value in figures.items()
            if (old := baseline.get(name)) is not None
        ],
        schema=dg.TableSchema(
            [
                dg.TableColumn("figure", "string"),
                dg.TableColumn("challenger", "float"),
                dg.TableColumn("in use", "float"),
            ]
        ),
    )
