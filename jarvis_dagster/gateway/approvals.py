"""What waits for a yes, and saying it.

Belongs here: the list, one approval with what there is to look at, and the form. Does not belong
here: who may decide, and what holds (``services/approval``).

A link in a message leads to the page of one approval; who is not signed in signs in first. The link
is used up by the decision, not by looking: programs that check mails open links, too.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from jarvis_dagster.gateway.deciding import Refusal
from jarvis_dagster.gateway.pages import Pages, Visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.approval.approval import Approval, Verdict

__all__ = ["pages"]

pages = Pages(
    "approvals",
    "Approvals",
    "/approvals",
    resource="approvals",
    right="read",  # what a decision needs depends on what it is about
    about="What waits for your yes",
)

_DECIDED = 30
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".json": "application/json",
}
_SHOWN_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self';"
    " base-uri 'none'; form-action 'none'; sandbox"
)


@pages.get("/approvals")
def listing(visit: Visit) -> Response:
    """What waits, and what was decided last."""
    found = visit.core.approval_service.approvals()
    waiting = [one for one in found if one.waiting]
    decided = [one for one in found if not one.waiting]
    against = {one.id: _why_not(visit, one) for one in waiting}
    return visit.render(
        "approvals.html",
        mine=[one for one in waiting if not against[one.id]],
        others=[one for one in waiting if against[one.id]],
        decided=sorted(decided, key=lambda one: -(one.decided_at or one.expires_at))[:_DECIDED],
    )


@pages.get("/approvals/{id}")
def detail(visit: Visit) -> Response:
    """One of them, with all there is to look at."""
    link = visit.request.query_params.get("link", "")
    one: Approval = visit.core.approval_service.get(visit.params["id"])
    if link and one.waiting:
        visit.context.core.approval_service.require_link(link, one.id)
    return visit.render(
        "approval.html",
        one=one,
        why_not=_why_not(visit, one),
        may_ask_again=one.state in {"expired", "rejected"}
        and visit.may(f"approvals.{one.kind}", "write"),
        link=link,
        content=json.dumps(one.content, indent=2, ensure_ascii=False),
        newer=one.superseded_by,
        words=one.words(),
        cell=_cell,
    )


@pages.post("/approvals/{id}")
def decide(visit: Visit, form: Mapping[str, str]) -> Response:
    """Yes or no, to exactly what the page showed."""
    said: dict[str, Verdict] = {"approved": "approved", "rejected": "rejected"}
    verdict = said.get(form.get("verdict", ""))
    if verdict is None:
        raise Refusal(400, "Neither yes nor no was said.", "Use one of the two buttons.")
    done = visit.core.approval_service.decide(
        visit.params["id"],
        verdict,
        form.get("reason", ""),
        sha256=form.get("sha256", ""),
        link=form.get("link") or None,
    )
    return visit.redirect(
        "/approvals", said=f"{done.title or done.subject}: you have {done.state} it."
    )


@pages.post("/approvals/{id}/again")
def ask_again(visit: Visit, form: Mapping[str, str]) -> Response:  # noqa: ARG001 - a form is one
    """Ask anew what expired or was rejected."""
    made = visit.core.approval_service.ask_again(visit.params["id"])
    return visit.redirect(f"/approvals/{made.id}", said="It is asked again.")


@pages.get("/approvals/{id}/shown/{number:int}")
def shown(visit: Visit) -> Response:
    """A file to look at before the decision: only if it still is the one that is asked about."""
    one: Approval = visit.core.approval_service.get(visit.params["id"])
    number = visit.params["number"]
    if not number < len(one.shown):
        raise Refusal(404, "There is no such file.", "The page of the approval lists them.")
    file = one.shown[number]
    content = _content(visit, file.key, file.sha256)
    if content is None:
        raise Refusal(
            410, f"{file.name} is another one by now, or gone.", "What it is now is asked anew."
        )
    suffix = Path(file.key).suffix
    return Response(
        content,
        media_type=_KINDS.get(suffix, "application/octet-stream"),
        headers={
            "Cache-Control": "private, max-age=3600",
            "Content-Security-Policy": _SHOWN_CSP,
            "Content-Disposition": "inline" if suffix in _KINDS else "attachment",
        },
    )


def _why_not(visit: Visit, one: Approval) -> str:
    """Why this one may not decide; empty if they may. Only a look: it is not noted."""
    return visit.context.core.approval_service.why_not(one, visit.principal)


def _content(visit: Visit, key: str, sha256: str) -> bytes | None:
    """The file of that key, if it has that content."""
    storage = visit.context.core.storage_service
    reference = storage.stat(key)
    if reference is None or (reference.sha256 and reference.sha256 != sha256):
        return None
    with tempfile.TemporaryDirectory(prefix="jarvis-") as scratch:
        path = Path(scratch) / "file"
        if storage.get_file(key, path).sha256 != sha256:
            return None
        return path.read_bytes()


def _cell(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else f"{value:.4g}"
