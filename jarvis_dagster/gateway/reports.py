"""Reports of the videos, to those who may see the video.

Belongs here: the list, and the files that a report links to. Does not belong here: finding them
(``library``), making them (``hockey/report``), delivering them to the drive.

To anybody outside its team a video is not there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from starlette.responses import FileResponse

from jarvis_dagster.gateway.deciding import Refusal
from jarvis_dagster.gateway.pages import Pages, Visit

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.responses import Response

__all__ = ["pages"]

pages = Pages(
    "reports",
    "Reports",
    "/reports",
    resource="page.reports",
    right="read",
    about="What was found in each video",
)

_FILE = re.compile(r"(highlights/)?[\w-]{1,100}\.(html|json|mp4|jpg)")
_REPORT_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self';"
    " frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@pages.get("/reports")
def listing(visit: Visit) -> Response:
    """All reports that this one may see, the newest first."""
    library = visit.context.library
    videos, papers = library.videos(visit.principal), library.papers(visit.principal)
    return visit.render("reports.html", videos=videos, papers=papers)


@pages.get("/reports/{video}/{file:path}")
def one_file(visit: Visit) -> Response:
    """The report of a video, or a file that it links to."""
    key, file = visit.params["video"], visit.params["file"]
    library = visit.context.library
    video = library.video(key, visit.principal)
    path = library.file(video, file) if video is not None and _FILE.fullmatch(file) else None
    return _sent(path)


@pages.get("/reports/{paper}")
def paper(visit: Visit) -> Response:
    """Another report that is kept."""
    return _sent(visit.context.library.paper(visit.params["paper"], visit.principal))


def _sent(path: Path | None) -> Response:
    """A file, by a browser that is told to run nothing of it.

    Raises:
        Refusal: there is none.
    """
    if path is None:
        raise Refusal(404, "There is no such report.", "The list has all that you may see.")
    headers = {"Cache-Control": "private, no-cache"}
    if path.suffix == ".html":
        headers["Content-Security-Policy"] = _REPORT_CSP
    return FileResponse(path, headers=headers, content_disposition_type="inline")
