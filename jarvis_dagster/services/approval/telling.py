"""What people are told of approvals.

Belongs here: the words of notices. Does not belong here: whom they reach
(``services/notification``), when they are sent (``service``).
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from jarvis_dagster.services.notification.notice import Notice

if TYPE_CHECKING:
    from jarvis_dagster.services.approval.approval import Approval, Figure

__all__ = ["figure_words", "notice_of"]

_WANTED = {
    "results": "The results of {} wait for your yes.",
    "deployment": "A new model {} waits for your yes.",
    "parameters": "A change of the parameters of {} waits for your yes.",
    "labels": "Corrections of {} wait for your yes.",
}


def notice_of(approval: Approval, address: str | None) -> Notice | None:
    """What is told of the state that an approval has; None for what nobody needs to be told.

    Args:
        address: Of the page where it can be decided; None where there is none.
    """
    subject = approval.subject
    if approval.state == "waiting":
        remedy = (
            "Open the link, sign in, and approve or reject it."
            if address
            else f"jarvis approvals show {approval.id}"
        )
        until = datetime.datetime.fromtimestamp(approval.expires_at, datetime.UTC)
        return Notice(
            event="approval_wanted",
            summary=_WANTED[approval.kind].format(subject),
            severity="warning",
            remedy=remedy,
            details={
                "What": approval.title,
                "Asked by": approval.asked_by,
                "Until": f"{until:%Y-%m-%d %H:%M} UTC",
                "Content": approval.sha256[:12],
                **{one.name: figure_words(one) for one in approval.figures[:8]},
            },
            links={"Decide": address} if address else {},
            component="approvals",
            cause=f"approval_wanted:{approval.id}",
        )
    if approval.state in {"approved", "rejected", "expired"}:
        event = "approval_expired" if approval.state == "expired" else "approval_decided"
        return Notice(
            event=event,
            summary=f"{approval.title or subject}: {approval.state}"
            + (f" by {approval.decided_by}." if approval.decided_by else "."),
            severity="warning" if approval.state == "expired" else "info",
            remedy=f"Ask again: jarvis approvals ask-again {approval.id}"
            if approval.state == "expired"
            else "",
            details={"Reason": approval.reason} if approval.reason else {},
            links={"See": address} if address else {},
            component="approvals",
            cause=f"{event}:{approval.id}",
        )
    return None


def figure_words(figure: Figure) -> str:
    """``0.61 → 0.66 (+1.2 to +6.9)``."""

    def one(value: float | str | None) -> str:
        if value is None:
            return "none"
        return value if isinstance(value, str) else f"{value:.4g}"

    note = f" ({figure.note})" if figure.note else ""
    if figure.before is None:
        return f"{one(figure.after)}{note}"
    return f"{one(figure.before)} → {one(figure.after)}{note}"
