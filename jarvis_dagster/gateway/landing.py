"""The first page: what there is for the one who is signed in.

Belongs here: the list of pages, those of other programs and our own. Does not belong here: any of
them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.gateway.pages import Pages, Visit
from jarvis_dagster.gateway.sites import SITES

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["pages"]

pages = Pages("landing", "", "/")


@pages.get("/")
def landing(visit: Visit) -> Response:
    """Tiles of all that this one may see."""
    upstreams = visit.context.addresses.upstreams
    own = [
        {"title": one.title, "about": one.about, "path": one.path, "only_looks": False}
        for one in visit.context.menu(visit.principal)
    ]
    others = [
        {
            "title": site.title,
            "about": site.about,
            "path": f"/{site.name}/",
            "only_looks": not visit.may(site.resource, "write"),
        }
        for site in SITES
        if getattr(upstreams, site.name) is not None and visit.may(site.resource, "read")
    ]
    return visit.render("landing.html", own=own, others=others)
