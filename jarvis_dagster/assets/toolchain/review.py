"""Review: the frames that a person should label, and the labels that come back."""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from jarvis_dagster.assets.failures import failures
from jarvis_dagster.assets.footage import source_video
from jarvis_dagster.assets.metadata import markdown_image, seconds_of
from jarvis_dagster.assets.partitions import VIDEOS
from jarvis_dagster.assets.spotlight import detections, tracks
from jarvis_dagster.hockey.tables import DETECTIONS, SCAN, TRACKS
from jarvis_dagster.resources.log_progress import LogProgress
from jarvis_dagster.resources.uploads import UploadsResource
from jarvis_dagster.resources.workspace import Workspace, WorkspaceResource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jarvis_dagster.hockey.review.selection import Choice
    from jarvis_dagster.hockey.review.signals import VideoTables
    from jarvis_dagster.hockey.review.tasks import Task
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.toolchain.reviewing import KnownTask, ReviewTasks

__all__ = [
    "REVIEW",
    "TOOLCHAIN",
    "QueueConfig",
    "chosen_frames",
    "labelled_frames",
    "review_queue",
    "video_tables",
]

TOOLCHAIN: dict[str, Any] = {"group_name": "toolchain", "owners": ["team:toolchain"]}
_SHORTLIST = 2  # times as many frames get a second look as are wanted
_SHOWN = 6
_QUALITY = 95  # labels are of edges, and training sees them
REVIEW = "review"  # where the store keeps what is known of reviews, as if it were a video


class QueueConfig(dg.Config):
    """Which frames are to be labelled."""

    videos: list[str] = Field([], description="Partitions of the videos; empty means all.")
    count: int = Field(60, description="Most frames.")
    gap_s: float = Field(5.0, description="Least seconds between two frames of a video.")
    second_look: bool = Field(
        True, description="Look at mirrored pictures too, for what the detector is not sure of."
    )
    export: bool = Field(True, description="Put the task into the drive's Training folder.")
    more: bool = Field(False, description="Another task, though frames of an earlier one wait.")


@dg.asset(
    key=["toolchain", "review_queue"],
    deps=[detections, tracks],
    kinds={"folder"},
    **TOOLCHAIN,
)
def review_queue(
    context: dg.AssetExecutionContext,
    config: QueueConfig,
    workspace: WorkspaceResource,
    uploads: UploadsResource,
    progress: LogProgress,
) -> dg.MaterializeResult:
    """The frames of all videos whose labels would teach most, as a task for a labelling tool.

    Doubt, disagreement and broken rules find them; no two are alike. The task goes to
    ``Training/`` of the drive: for CVAT, and as a YOLO folder.
    """
    from jarvis_dagster.hockey.datasets.sheets import example_sheet
    from jarvis_dagster.toolchain.reviewing import ReviewTasks

    space = workspace.of(REVIEW)
    keys = config.videos or sorted(context.instance.get_dynamic_partitions(VIDEOS.name or ""))
    with (
        failures(context),
        seconds_of() as elapsed,
        tempfile.TemporaryDirectory(prefix="jarvis-") as scratch,
    ):
        shop = ReviewTasks(space.storage)
        waiting = _waiting(uploads, shop, {name for _, _, name in labelled_frames(space)})
        if waiting and not config.more:
            return _still_waiting(waiting, elapsed())
        known = [*labelled_frames(space), *(f for task, _ in waiting for f in task.frames)]
        spaces = {key: _space(workspace, key) for key in keys}
        wanted = config.count * (_SHORTLIST if config.second_look else 1)
        tables, chosen = chosen_frames(spaces, wanted, gap_s=config.gap_s, known=known)
        task = _task(config, workspace, spaces, tables, chosen, Path(scratch), progress)
        shop.save(task)
        folder = _export(uploads, task, Path(scratch) / "export") if config.export else ""
        sheet = Path(scratch) / "sheet.jpg"
        sheet.write_bytes(example_sheet(task.dataset.pictures[:_SHOWN]))
        space.keep_json("queue", "queue", {"folder": folder, **task.record})
        picture = markdown_image(sheet)
    return dg.MaterializeResult(
        metadata={
            "task": task.id,
            "folder": dg.MetadataValue.path(folder or "not exported"),
            "frames": len(task.items),
            "videos": len({item["video"] for item in task.items}),
            "boxes": sum(len(item["boxes"]) for item in task.items),
            "is_new": True,
            "picture": picture,
            "why": dg.MetadataValue.md(_why(task)),
            "seconds": elapsed(),
        },
        data_version=dg.DataVersion(task.id),
    )


def _why(task: "Task") -> str:
    lines = ["| video | at | worth | why |", "|---|---|---|---|"]
    lines += [
        f"| {item['video_name']} | {item['pts_s']:.1f} s | {item['worth']:.1f}"
        f" | {'; '.join(item['reasons'])} |"
        for item in task.items
    ]
    return "\n".join(lines)


def _space(workspace: WorkspaceResource, key: str) -> Workspace:
    """The files of a video to read from; no claim, as nothing of it is changed."""
    return Workspace(
        key, workspace.settings.data_dir / "work" / REVIEW / key, workspace.core.storage_service
    )


def video_tables(space: Workspace) -> "VideoTables | None":
    """The tables of an analysed video; None where it is not analysed yet."""
    from jarvis_dagster.hockey.review.signals import VideoTables

    needed = (("detections", "detections.parquet"), ("tracks", "tracks.parquet"))
    if not all(space.has(*one) for one in needed):
        return None
    source = space.json("footage", "source")
    return VideoTables(
        key=space.key,
        name=source["name"],
        width_px=source["facts"]["width_px"],
        height_px=source["facts"]["height_px"],
        detections=space.table("detections", "detections", DETECTIONS),
        tracks=space.table("tracks", "tracks", TRACKS),
        scan=space.table("footage", "scan", SCAN),
        kits=space.json("tracks", "teams")["colours_bgr"],
        model_version=space.json("detections", "model")["version"],
    )


def chosen_frames(
    spaces: dict[str, Workspace],
    count: int,
    *,
    gap_s: float,
    known: "Sequence[tuple[str, float, str]]" = (),
) -> "tuple[dict[str, VideoTables], list[Choice]]":
    """The tables of all analysed videos, and the frames chosen from them.

    Args:
        known: Frames that are not chosen again, nor their neighbours.
    """
    from jarvis_dagster.hockey.review.selection import choose
    from jarvis_dagster.hockey.review.signals import candidates

    found, tables = [], {}
    for key, space in spaces.items():
        one = video_tables(space)
        if one is not None:
            tables[key] = one
            found += candidates(one)
    return tables, choose(
        found, count, gap_s=gap_s, taken=[(video, seconds) for video, seconds, _ in known]
    )


def labelled_frames(space: Workspace) -> list[tuple[str, float, str]]:
    """Video, seconds and picture of the frames whose labels came back."""
    if not space.has("labels", "labelled.json"):
        return []
    rows = space.json("labels", "labelled")["frames"]
    return [(str(video), float(seconds), str(name)) for video, seconds, name in rows]


def _waiting(
    uploads: UploadsResource, tasks: "ReviewTasks", labelled: set[str]
) -> "list[tuple[KnownTask, DriveFile]]":
    """Tasks in the drive with frames that nobody labelled yet, and their folders."""
    inbox = uploads.inbox
    training = inbox.folder("Training").path
    found = []
    for task in tasks.known():
        folder = inbox.drive.find(f"{training}/{task.id}")
        if folder is not None and inbox.is_whole(folder) and task.pictures - labelled:
            found.append((task, folder))
    return found


def _still_waiting(
    waiting: "list[tuple[KnownTask, DriveFile]]", seconds: float
) -> dg.MaterializeResult:
    task, folder = waiting[0]
    return dg.MaterializeResult(
        metadata={
            "task": task.id,
            "folder": dg.MetadataValue.path(folder.path),
            "frames": len(task.pictures),
            "videos": len({video for video, _, _ in task.frames}),
            "why": "Frames of this task wait to be labelled; `more` makes another one.",
            "is_new": False,
            "seconds": seconds,
        },
        data_version=dg.DataVersion(task.id),
    )


def _task(
    config: QueueConfig,
    workspace: WorkspaceResource,
    spaces: dict[str, Workspace],
    tables: "dict[str, VideoTables]",
    chosen: "list[Choice]",
    scratch: Path,
    progress: LogProgress,
) -> "Task":
    """The task of the frames that are left after the second look."""
    from jarvis_dagster.champions import chosen_detector
    from jarvis_dagster.hockey.detection import load_detector
    from jarvis_dagster.hockey.review.second_look import looked_again
    from jarvis_dagster.hockey.review.selection import choose
    from jarvis_dagster.hockey.review.tasks import make_task, prelabelled, read_images
    from jarvis_dagster.hockey.video import save_jpeg

    vision = workspace.settings.vision
    used = (
        chosen_detector(workspace.settings, lambda: workspace.core.experiment_service)
        if config.second_look and chosen
        else None
    )
    detector = (
        load_detector(
            used.path,
            roles=used.roles,
            threads=vision.threads,
            score_threshold=vision.score_threshold,
        )
        if used is not None
        else None
    )
    candidates = [choice.candidate for choice in chosen]
    again, images, done = [], {}, 0
    for key in sorted({one.video for one in candidates}):
        path, _ = source_video(spaces[key])
        mine = {one.frame: one for one in candidates if one.video == key}
        for frame, image in read_images(path, list(mine)):
            again.append(looked_again(mine[frame], detector, image) if detector else mine[frame])
            images[key, frame] = save_jpeg(image, scratch / f"{key}-{frame}.jpg", quality=_QUALITY)
            done += 1
            progress.update("review", done, len(candidates))
        spaces[key].discard()
    pictures, items = [], []
    for choice in choose(again, config.count, gap_s=config.gap_s):
        one = choice.candidate
        picture, item = prelabelled(tables[one.video], choice, images[one.video, one.frame])
        pictures.append(picture)
        items.append(item)
    return make_task(pictures, items)


def _export(uploads: UploadsResource, task: "Task", scratch: Path) -> str:
    """Put the task into the drive, once: what a person changed in it since stays."""
    from jarvis_dagster.hockey.review.tasks import write_task

    inbox = uploads.inbox
    folder = inbox.drive.create_folder(task.id, inbox.folder("Training").id)
    if not inbox.is_whole(folder):
        scratch.mkdir()
        uploads.core.client_storage_service.export_results(
            write_task(task, scratch),
            uploads.settings.drive.name,
            folder.id,
            component="toolchain",
            about={"task": task.id},
        )
    return folder.path
