"""Telling people and workflows of an approval, with a link to decide it.

Belongs here: that everybody is told in the end, and the links that were given away. Does not belong
here: the words (``telling``), what a link is (``links``).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from jarvis_dagster.errors import AccessDeniedError, JarvisError
from jarvis_dagster.services.approval.telling import notice_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jarvis_dagster.services.approval.approval import Approval
    from jarvis_dagster.services.approval.links import Links
    from jarvis_dagster.services.approval.records import Records
    from jarvis_dagster.services.notification import Notice

    Notify = Callable[[Notice], object]
    Nudge = Callable[[Sequence[str], Approval], None]

__all__ = ["Outreach"]

log = logging.getLogger(__name__)


class Outreach:
    """Reaches people by notices and workflows by signals.

    Args:
        url: Where Jarvis' pages are; None gives no links.
    """

    def __init__(
        self,
        records: Records,
        links: Links,
        url: str | None,
        notify: Notify | None,
        nudge: Nudge | None,
    ) -> None:
        self._records, self._links, self._url = records, links, url
        self._notify, self._nudge = notify, nudge

    def tell(self, approval: Approval) -> None:
        """Tell of its state, once; what fails is left to be told later."""
        stored = self._records.find(id=approval.id, told=False)
        if not stored or stored[0].state != approval.state:
            return
        try:
            if self._notify is not None:
                notice = notice_of(approval, self.address(approval))
                if notice is not None:
                    self._notify(notice)
            waiters = [] if approval.waiting else self._records.waiters(approval.id)
            if self._nudge is not None and waiters:
                self._nudge(waiters, approval)
        except JarvisError as error:
            log.warning("The state of approval %s could not be told: %s", approval.id, error)
            return
        self._records.told(approval)

    def address(self, approval: Approval) -> str | None:
        """A link to decide it, or to see how it ended."""
        if self._url is None:
            return None
        page = f"{self._url.rstrip('/')}/approvals/{approval.id}"
        if not approval.waiting:
            return page
        token, nonce = self._links.make(approval.id, approval.expires_at)
        self._records.add_link(nonce, approval.id)
        return f"{page}?link={token}"

    def nonce(self, token: str, approval: Approval, now: float) -> str:
        """What a link is known by, if it leads to that approval and was not used.

        Raises:
            AccessDeniedError: it does not, has expired or was used.
        """
        approval_id, nonce = self._links.read(token, now)
        if approval_id != approval.id or not self._records.link_is_fresh(nonce, approval.id):
            raise AccessDeniedError(
                "This link was used before, or leads elsewhere.",
                "Open the list of approvals instead.",
            )
        return nonce
