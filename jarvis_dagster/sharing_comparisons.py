"""A comparison for people without MLflow: kept in the store, and put into the drive.

Belongs here: where a shared comparison goes. Does not belong here: the comparison
(``services/experiment``), drives (``services/client_storage``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jarvis_dagster.errors import NotSupportedError
from jarvis_dagster.services.files import safe_name

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from jarvis_dagster.services.client_storage import Drive, DriveFile
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["Shared", "share_comparison"]

_COMPONENT = "toolchain"
_FOLDER = "Comparisons"


@dataclasses.dataclass(frozen=True)
class Shared:
    """Where a comparison is: its path in the drive, its ids in the drive and in the store."""

    path: str
    file_id: str
    report_id: str


def share_comparison(
    settings: Settings,
    core: JarvisCoreServices,
    run_ids: Sequence[str],
    *,
    title: str = "",
    share_with: Sequence[str] = (),
    lower: Collection[str] | None = None,
) -> Shared:
    """Compare runs, keep the page and its numbers, and put the page into the drive.

    Sharing the same comparison again replaces what a person did not change.

    Raises:
        BadInputError: fewer than two runs, or one that does not exist.
        NotSupportedError: the drive cannot share with people; nothing was put there.
    """
    experiments, drive = core.experiment_service, core.client_storage_service
    where = settings.drive.name
    if share_with and not drive.drive(where).can_share:
        raise NotSupportedError(
            f"The drive {where} cannot share with people.",
            "Leave --with out, and share its folder with the means of the machine it is on.",
        )
    found = experiments.compare_experiments(run_ids, lower)
    page = experiments.comparison_page(found, title=title)
    digest = hashlib.sha256(" ".join(run_ids).encode()).hexdigest()[:8]
    name = safe_name(f"{title or 'comparison'} {digest}")
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        html, numbers = (Path(scratch) / f"{name}{end}" for end in (".html", ".json"))
        html.write_text(page, "utf-8")
        numbers.write_text(json.dumps(found, indent=1, default=str), "utf-8")
        about = {"runs": list(run_ids), "title": title}
        report_id = core.storage_service.store("reports", html, about, _COMPONENT)
        folder = _folder(drive.drive(where), (settings.drive.root, _FOLDER, name))
        if share_with:
            drive.share(where, folder.id, share_with, settings.drive.share_role)
        files = drive.export_results(
            {f"{name}.html": html, f"{name}.json": numbers},
            *(where, folder.id, _COMPONENT),
            about={"runs": " ".join(run_ids)},
        )
    return Shared(f"{folder.path}/{name}.html", files[0], report_id)


def _folder(drive: Drive, path: Sequence[str]) -> DriveFile:
    folder = drive.create_folder(path[0])
    for name in path[1:]:
        folder = drive.create_folder(name, folder.id)
    return folder
