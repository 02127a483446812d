"""``jarvis review correct|apply|corrections``: what a person says is otherwise in a video.

Belongs here: from options to entries in the drive, and the run that applies them. Does
not belong here: what a correction does (``hockey/review``), options and help (``review``).
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jarvis_dagster.commands.platform import this_person
from jarvis_dagster.commands.run import servers
from jarvis_dagster.commands.running_here import run_here
from jarvis_dagster.commands.upload import dagster_instance
from jarvis_dagster.errors import BadInputError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import dagster as dg
    from rich.console import Console

    from jarvis_dagster.hockey.review.corrections import Correction
    from jarvis_dagster.resources.workspace import Workspace
    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.inbox import Inbox
    from jarvis_dagster.settings import Settings

__all__ = ["Applied", "Video", "apply", "correct", "open_video", "partition_of"]


@dataclasses.dataclass(frozen=True)
class Video:
    """A video that was analysed, its files, and where its results are."""

    settings: Settings
    instance: dg.DagsterInstance
    space: Workspace
    inbox: Inbox

    @property
    def folder(self) -> DriveFile:
        """The folder of its results."""
        return self.inbox.results_folder(self.space.json("footage", "source"))

    def read(self) -> tuple[str, DriveFile | None]:
        """The text of its corrections, and the version that was read."""
        from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME
        from jarvis_dagster.services.client_storage.notes import read_text

        file = self.inbox.drive.find(f"{self.folder.path}/{CORRECTIONS_NAME}")
        return ("", None) if file is None else read_text(self.inbox.drive, file)


@dataclasses.dataclass(frozen=True)
class Applied:
    """What a run made again, and what that changed; None where nobody corrects anything."""

    assets: tuple[str, ...]
    difference: dict[str, Any] | None


@contextlib.contextmanager
def open_video(settings: Settings, video: str, console: Console) -> Iterator[Video]:
    """The video of that name or partition, with the servers that its files need.

    Raises:
        BadInputError: there is none, or several.
    """
    from jarvis_dagster.resources.workspace import Workspace
    from jarvis_dagster.wiring import core_services, inbox_of

    with (
        dagster_instance(settings) as instance,
        servers(settings, console, False),
        tempfile.TemporaryDirectory(prefix="jarvis-") as scratch,
    ):
        key = partition_of(instance, video)
        space = Workspace(key, Path(scratch), core_services(settings).storage_service)
        if not space.has("results", "delivery.json"):
            raise BadInputError(f"{key} has no results yet.", "Analyse it first: `jarvis run`.")
        yield Video(settings, instance, space, inbox_of(settings))


def partition_of(instance: dg.DagsterInstance, video: str) -> str:
    """The partition that a name stands for: its own, or that of the one video of that name.

    Raises:
        BadInputError: none or several are meant; names them.
    """
    from jarvis_dagster.assets.partitions import HASH_DIGITS, VIDEOS, partition_key

    keys = sorted(instance.get_dynamic_partitions(VIDEOS.name or ""))
    if video in keys:
        return video
    plain = video if "." in video else f"{video}.mp4"
    stem = partition_key(plain, "0" * HASH_DIGITS)[: -HASH_DIGITS - 1]
    found = [key for key in keys if key[: -HASH_DIGITS - 1].casefold() == stem.casefold()]
    if len(found) == 1:
        return found[0]
    shown = ", ".join((found or keys)[:10]) or "none yet"
    if found:
        raise BadInputError(f"Several videos are named {video}.", f"Name one of {shown}.")
    raise BadInputError(f"No analysed video is named {video}.", f"There are: {shown}.")


def correct(video: Video, said: Sequence[Correction], *, replace: bool) -> list[Correction]:
    """Write corrections into the video's file in the drive, bound to boxes; returns them.

    Args:
        replace: Take out what the file says otherwise of the same track.

    Raises:
        BadInputError: they cannot be true; nothing was written.
        ConflictError: somebody changed the file meanwhile; nothing was written.
    """
    from jarvis_dagster.assets.spotlight.corrected import bound_corrections
    from jarvis_dagster.hockey.review.corrections import CORRECTIONS_NAME
    from jarvis_dagster.hockey.review.editing import with_entries
    from jarvis_dagster.hockey.review.sightings import bind
    from jarvis_dagster.hockey.tables import EVENTS, TRACKS
    from jarvis_dagster.services.client_storage.notes import write_text

    space = video.space
    text, version = video.read()
    new = bind(
        said,
        (),
        space.table("tracks", "tracks", TRACKS),
        space.table("events", "events", EVENTS),
        duration_s=space.json("footage", "source")["facts"]["duration_s"],
        name="The new correction",
    )
    if replace:
        text = _replaced(video, text, new)
    text = with_entries(text, new)
    try:
        bound_corrections(space, text)
    except BadInputError as error:
        raise BadInputError(
            error.what, "Take back what is not so; --replace takes out what a track was before."
        ) from error
    write_text(video.inbox.drive, video.folder, CORRECTIONS_NAME, text, version)
    return new


def _replaced(video: Video, text: str, new: Sequence[Correction]) -> str:
    """The text without what it says otherwise."""
    from jarvis_dagster.assets.spotlight.corrected import bound_corrections
    from jarvis_dagster.hockey.review.editing import with_entries, without
    from jarvis_dagster.hockey.review.sightings import TrackIndex
    from jarvis_dagster.hockey.tables import TRACKS

    index = TrackIndex(video.space.table("tracks", "tracks", TRACKS))
    about = {(one.kind, track) for one in new for track in one.tracks}
    for old in reversed(bound_corrections(video.space, text)):
        of = {(old.kind, track) for seen in old.seen for track in index.find(seen)}
        if old.kind in ("number", "role", "team") and of & about:
            text, said = without(text, old.line)
            rest = [one for one in said if one.kind != old.kind]
            text = with_entries(text, rest) if rest else text
    return text


def apply(video: Video) -> Applied | None:
    """Make again what depends on corrections that are not applied yet; None if all are.

    Raises:
        PermanentError: a person has to approve them first, or a step failed; the message is the
            step's own.
    """
    from jarvis_dagster.assets.approving import ask_to_correct
    from jarvis_dagster.assets.spotlight.corrected import corrections_of, pending_kinds
    from jarvis_dagster.build import build_definitions
    from jarvis_dagster.hockey.review.entries import parse_corrections
    from jarvis_dagster.jobs import made_of, recomputed
    from jarvis_dagster.resources.uploads import UploadsResource

    said = parse_corrections(video.read()[0])
    kinds = pending_kinds(video.space, said)
    if not kinds:
        return None
    answer = ask_to_correct(
        UploadsResource(), video.space, said, corrections_of(video.space), this_person()
    )
    if not answer.allowed:
        raise PermanentError(
            f"The corrections are written, and not applied. {answer.words()}",
            f"See `jarvis approvals show {answer.id}`.",
        )
    definitions = build_definitions()
    selection = recomputed(
        kinds,
        definitions.get_repository_def().asset_graph,
        made_of(video.instance, video.space.key),
    )
    result = run_here(
        definitions,
        "apply_corrections",
        video.instance,
        partition_key=video.space.key,
        asset_selection=selection,
    )
    made = [e.asset_key for e in result.get_asset_materialization_events() if e.asset_key]
    if not made:
        raise PermanentError("Nothing was made again.", "Look at the run in Dagster.")
    report = video.space.json("game_report", "report")
    return Applied(tuple(key.to_user_string() for key in made), report["corrected"])
