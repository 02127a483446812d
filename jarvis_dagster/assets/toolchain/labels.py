"""Labels: what a person corrected in the frames of review tasks, read back."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.metadata import seconds_of
from jarvis_dagster.assets.toolchain.review import REVIEW, TOOLCHAIN, review_queue
from jarvis_dagster.resources.services import AnalyticsResource
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    from jarvis_dagster.services.client_storage.drive import Drive
    from jarvis_dagster.toolchain.reviewing import Returned

__all__ = ["LabelsConfig", "labels"]


class LabelsConfig(dg.Config):
    """Where corrected labels are."""

    source: str = Field(
        description="DRIVE:PATH or a path here, of a CVAT or YOLO export, or of a YOLO folder."
    )


@dg.asset(
    key=["toolchain", "labels"],
    kinds={"s3"},
    deps=[review_queue],
    output_required=False,  # nothing is taken while a person has to look first
    **TOOLCHAIN,
)
def labels(
    context: dg.AssetExecutionContext,
    config: LabelsConfig,
    workspace: WorkspaceResource,
    uploads: UploadsResource,
    analytics: AnalyticsResource,
) -> Iterator[dg.MaterializeResult]:
    """Corrected labels of review tasks: the differences, and the dataset ``corrected``.

    How far Jarvis agreed with the person is logged as ``jarvis_label_agreement``. A file that
    cannot be read gets a note beside it. Where the settings require a person
    (``approvals.labels``), nothing is taken before one has said yes.
    """
    from jarvis_dagster.assets.approving import ask_to_learn
    from jarvis_dagster.toolchain.reviewing import ReviewTasks, read_back
    from jarvis_dagster.toolchain.sources import local_source
    from jarvis_dagster.toolchain.store import DatasetStore

    space = workspace.of(REVIEW)
    with failures(context), seconds_of() as elapsed, _answered(uploads, config.source):
        store = DatasetStore(space.storage, workspace.settings.data_dir / "work" / "datasets")
        with local_source(config.source, lambda: uploads.core) as path:
            answer = ask_to_learn(uploads, config.source, path, context.run.job_name)
            if not answer.allowed:
                context.log.warning(f"Not taken ({answer.id}). {answer.words()}")
                return
            found = read_back(path, ReviewTasks(space.storage), store)
        figures = found.total.figures()
        _remember(space, found)
        if answer.id:
            uploads.core.approval_service.applied(answer.id)
    for name in ("agreement", "box_agreement", "role_agreement", "mean_iou"):
        if figures[name] is not None:
            analytics.service.log_metric(
                "jarvis_label_agreement", figures[name], {"figure": name}, component="toolchain"
            )
    yield dg.MaterializeResult(
        metadata={
            "source": config.source,
            "tasks": ", ".join(found.tasks),
            "dataset": found.dataset.ref if found.dataset else "nothing was corrected yet",
            "dataset_is_new": found.is_new,
            "frames": len(found.frames),
            "frames_untouched": found.unchanged,
            "pictures_of_no_task": found.foreign,
            **{name: value for name, value in figures.items() if value is not None},
            "by_video": dg.MetadataValue.json(
                {video: one.figures() for video, one in found.by_video.items()}
            ),
            "seconds": elapsed(),
        },
        data_version=dg.DataVersion(found.dataset.version) if found.dataset else None,
    )


def _remember(space: Workspace, found: "Returned") -> None:
    """Which frames were labelled, and how far Jarvis agreed."""
    known = (
        space.json("labels", "labelled")["frames"] if space.has("labels", "labelled.json") else []
    )
    rows = {row[2]: row for row in known} | {row[2]: list(row) for row in found.frames}
    space.keep_json("labels", "labelled", {"frames": [rows[name] for name in sorted(rows)]})
    space.keep_json(
        "labels",
        "agreement",
        {
            "tasks": list(found.tasks),
            "dataset": found.dataset.ref if found.dataset else None,
            "total": found.total.figures(),
            "by_video": {video: one.figures() for video, one in found.by_video.items()},
        },
    )


@contextlib.contextmanager
def _answered(uploads: UploadsResource, source: str) -> Iterator[None]:
    """Tell a person beside the file what is wrong with it; take the note away when nothing is."""
    from jarvis_dagster.errors import BadInputError
    from jarvis_dagster.services.client_storage.notes import clear_note, write_note

    name, _, path = source.partition(":")
    drive: Drive | None = uploads.inbox.drive if name == uploads.settings.drive.name else None
    file = drive.find(path) if drive is not None and path else None
    try:
        yield
    except BadInputError as error:
        if drive is not None and file is not None:
            write_note(drive, file, error)
        raise
    if drive is not None and file is not None:
        clear_note(drive, file)
