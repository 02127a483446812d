"""Datasets: from a folder of the drive, or elsewhere, to a checked version in the store."""

import tempfile
from pathlib import Path

import dagster as dg
from pydantic import Field

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import markdown_image, seconds_of
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.workshop import WorkshopResource
from jarvis_dagster.resources.workspace import WorkspaceResource

__all__ = ["DatasetConfig", "dataset"]


class DatasetConfig(dg.Config):
    """Where a dataset is, and how it is to be read."""

    source: str = Field(description="DRIVE:PATH, s3://bucket/key, or a folder or zip file here.")
    name: str = Field("", description="Its name; empty means the source's.")
    format: str = Field("", description="yolo, coco, cvat or mot; empty means it is looked for.")
    video: str = Field("", description="The video of all pictures; empty means as they say.")
    aspect: str = Field("", description="True shape of stretched pictures, as in 16:9.")
    every: int = Field(1, description="Take every n-th picture of a video.")
    skip_missing: bool = Field(False, description="Go on without pictures that are not there.")


@dg.asset(
    key=["toolchain", "dataset"],
    group_name="toolchain",
    owners=["team:toolchain"],
    kinds={"s3"},
    check_specs=[
        dg.AssetCheckSpec(
            "labels_can_be_trained_on",
            asset=["toolchain", "dataset"],
            description="The check of the dataset found no error.",
        )
    ],
)
def dataset(
    context: dg.AssetExecutionContext,
    config: DatasetConfig,
    workshop: WorkshopResource,
    workspace: WorkspaceResource,  # noqa: ARG001 - `failures` asks it for room
    progress: LogProgress,
) -> dg.MaterializeResult:
    """Labelled pictures of every usual tool as a version in the store, with a report."""
    from jarvis_dagster.hockey.datasets import Options, check_dataset, read_dataset, write_report
    from jarvis_dagster.hockey.datasets.sheets import example_sheet, examples_of
    from jarvis_dagster.hockey.detection.evaluation import parse_aspect
    from jarvis_dagster.toolchain.sources import dataset_name, local_source

    options = Options(
        format=config.format or None,
        video=config.video or None,
        aspect=parse_aspect(config.aspect or None),
        every=config.every,
        skip_missing=config.skip_missing,
    )

    def told(step: str, done: int, total: int) -> None:
        progress.update(step, done, total)

    with (
        failures(context),
        seconds_of() as elapsed,
        tempfile.TemporaryDirectory(prefix="jarvis-") as scratch,
        local_source(config.source, lambda: workshop.core) as path,
        read_dataset(
            path,
            config.name or dataset_name(config.source),
            options,
            lambda done, total: told("pictures", done, total),
        ) as data,
    ):
        shop = workshop.open(lambda done, total: told("check", done, total), "dagster")
        stored, is_new = shop.datasets.save(data)
        report = check_dataset(data, shop.progress)
        page, _ = write_report(data, report, Path(scratch) / "report")
        key = f"artifacts/toolchain/datasets/{stored.version[:32]}/report.html"
        ref = shop.storage.put_file(key, page)
        sheet = Path(scratch) / "examples.jpg"
        sheet.write_bytes(example_sheet(examples_of(data, 3)))
        shown = markdown_image(sheet)
    errors = [finding.what for finding in report.findings if finding.severity == "error"]
    return dg.MaterializeResult(
        metadata={
            "dataset": stored.ref,
            "is_new": is_new,
            "pictures": stored.summary["pictures"],
            "boxes": stored.summary["classes"],
            "videos": stored.summary["videos"],
            "findings": [f"{finding.severity}: {finding.what}" for finding in report.findings],
            "report": dg.MetadataValue.path(ref.url),
            "examples": shown,
            "seconds": elapsed(),
        },
        data_version=dg.DataVersion(stored.version),
        check_results=[
            dg.AssetCheckResult(
                check_name="labels_can_be_trained_on",
                passed=not errors,
                severity=dg.AssetCheckSeverity.ERROR,
                description="; ".join(errors) or None,
            )
        ],
    )
