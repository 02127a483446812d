"""One look at a folder of the drive that people write files into.

Belongs here: which files are new, settled and still there, within the time of a look;
the cursor. Does not belong here: what is done with a file (a sensor's ``decide``).

Runs and notes come first, the cursor moves past a file only when that is done: a file
is decided at least once a version, and what is decided twice asks for the same run.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.sensors.upload_feed import UploadFeed
from jarvis_dagster.sensors.upload_plan import Cursor

if TYPE_CHECKING:
    from collections.abc import Callable

    from jarvis_dagster.services.client_storage.drive import DriveFile
    from jarvis_dagster.services.client_storage.inbox import Inbox
    from jarvis_dagster.settings import DriveSettings

__all__ = ["Decision", "watch"]


@dataclasses.dataclass(frozen=True)
class Decision:
    """What is to be done with a file.

    Args:
        note: For the sensor's log.
        request: The run for it, if there is one.
        wait: Decide again at the next look.
    """

    note: str
    request: dg.RunRequest | None = None
    wait: bool = False


def watch(
    context: dg.SensorEvaluationContext,
    inbox: Inbox,
    settings: DriveSettings,
    *,
    folder: str,
    wanted: Callable[[DriveFile], bool],
    decide: Callable[[DriveFile], Decision],
    settle_s: float | None = None,
) -> dg.SensorResult | dg.SkipReason:
    """Decide what is new and settled in a folder of the drive.

    Args:
        folder: Its name.
        wanted: Which files are looked at at all.
        decide: Called for each; a ``PermanentError`` of it is noted and the file left.
        settle_s: Seconds that a file must be unchanged; None is ``drive.settle_s``.
    """
    began, now_s = time.monotonic(), time.time()
    try:
        where = inbox.folder(folder)
    except TransientError as error:
        return dg.SkipReason(f"The drive cannot be reached now: {error}")

    def late(share: float) -> bool:
        return time.monotonic() - began > share * settings.tick_budget_s

    feed = UploadFeed(inbox.drive, where, wanted)
    cursor, left = feed.read(Cursor.loads(context.cursor), now_s=now_s, is_late=lambda: late(0.5))
    notes = [left] if left else []
    requests: list[dg.RunRequest] = []
    ready = cursor.ready(now_s, settings.settle_s if settle_s is None else settle_s)
    for number, file_id in enumerate(ready):
        if len(requests) >= settings.requests_per_tick or (number and late(1)):
            notes.append(f"{len(ready) - number} more file(s) wait for the next look")
            break
        try:
            file = inbox.drive.stat(file_id)
            if file is None or not file.path.startswith(f"{where.path}/"):
                cursor = cursor.forget(file_id)
                continue
            if file.version != cursor.waiting[file_id][0]:
                cursor = cursor.see(file, now_s)
                continue
            decision = _decided(file, decide)
        except TransientError as error:
            notes.append(f"the drive cannot be read now: {error}")
            break
        notes.append(f"{file.path} {decision.note}")
        if decision.request is not None:
            requests.append(decision.request)
        if not decision.wait:
            cursor = cursor.handle(file)
    for note in notes:
        context.log.info(note)
    waiting = f"{len(cursor.waiting)} file(s) still settling" if cursor.waiting else "nothing new"
    return dg.SensorResult(
        run_requests=requests,
        cursor=cursor.dumps(),
        skip_reason=None if requests else "; ".join(notes) or waiting,
    )


def _decided(file: DriveFile, decide: Callable[[DriveFile], Decision]) -> Decision:
    try:
        return decide(file)
    except PermanentError as error:
        return Decision(f"cannot be used: {error}")
