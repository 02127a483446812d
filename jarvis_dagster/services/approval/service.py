"""JarvisApprovalService: things wait until a person says yes.

Belongs here: asking, deciding, and what has to hold for both. Does not belong here: what is done
once it is approved (who asked does that), pages and commands.

The database is the record. Workflows, sensors and assets that wait read it again by themselves:
whoever is killed in between, nothing is lost, and nothing is done that was not approved.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import AccessDeniedError, BadInputError, ConflictError
from jarvis_dagster.services.approval.approval import Approval, content_sha256, figures_of
from jarvis_dagster.services.approval.config import KINDS, ApprovalsConfig
from jarvis_dagster.services.approval.links import Links
from jarvis_dagster.services.approval.noting import Noting
from jarvis_dagster.services.approval.outreach import Outreach
from jarvis_dagster.services.approval.reading import Reading
from jarvis_dagster.services.security.principal import Principal, current_principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from jarvis_dagster.services.approval.approval import Figure, Kind, Shown, Verdict
    from jarvis_dagster.services.notification import Notice
    from jarvis_dagster.services.security import JarvisSecurityService

__all__ = ["JarvisApprovalService"]


class JarvisApprovalService(Reading):
    """Approvals of one installation.

    Args:
        notify: Takes a notice for people.
        nudge: Tells waiting workflows (ids) that an approval was decided; they would see it
            later by themselves.
        clock: Seconds since 1970.
    """

    def __init__(
        self,
        config: ApprovalsConfig,
        security: Callable[[], JarvisSecurityService],
        *,
        notify: Callable[[Notice], object] | None = None,
        nudge: Callable[[Sequence[str], Approval], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(config, security, clock)
        self._notify = notify
        self._nudge = nudge
        self._noting = Noting(security)

    @property
    def _outreach(self) -> Outreach:
        links = Links(self._directory / "link.key")
        return Outreach(self._records, links, self.config.url, self._notify, self._nudge)

    def ask(
        self,
        kind: Kind,
        subject: str,
        content: Any,
        figures: Iterable[Figure] | Mapping[str, Any] = (),
        *,
        title: str = "",
        team: str | None = None,
        by: str | None = None,
        shown: Iterable[Shown] = (),
        links: Mapping[str, str] | None = None,
        again: bool = False,
        waiter: str | None = None,
    ) -> Approval:
        """Ask for a yes to exactly this content; the same asked twice is one.

        What has been decided stays decided; what expired is asked anew. Another content of the
        subject takes the place of the one before, which can no longer be approved.

        Args:
            content: JSON. What is approved is its hash, so it names all that matters: what is
                changed, and what it replaces.
            figures: Before and after: ``Figure``s, or ``{name: (before, after)}``.
            title: A sentence that says what is done on a yes.
            team: Whose it is; None is everybody's.
            by: Who asks; by default the principal in force.
            again: Ask anew what was rejected.
            waiter: Id of the workflow that waits for it.

        Returns:
            Its state; ``allowed`` says whether to go ahead now. Without a setting that requires a
            person that is always so.

        Raises:
            BadInputError: the kind is unknown, or the content is not JSON.
        """
        if kind not in KINDS:
            raise BadInputError(
                f"{kind!r} is no kind of approval.", f"There are: {', '.join(KINDS)}."
            )
        _, sha256 = content_sha256(content)
        rule = self.config.rule(kind, team)
        if not rule.required:
            return Approval("", kind, subject, sha256, "not_required")
        by, now = by or current_principal().name, self._clock()
        while True:
            past = self.find_all(kind=kind, subject=subject, sha256=sha256)
            latest = max(past, key=lambda one: one.round, default=None)
            if latest is not None and not self._asks_anew(latest, again=again):
                made = latest
                break
            number = 1 if latest is None else latest.round + 1
            made = Approval(
                id=_short(kind, subject, sha256, number),
                kind=kind,
                subject=subject[:300],
                sha256=sha256,
                state="waiting",
                title=title[:500],
                content=content,
                team=team,
                round=number,
                asked_by=by,
                asked_at=now,
                expires_at=now + 3600 * rule.expires_hours,
                figures=figures_of(figures),
                shown=tuple(shown),
                links=dict(links or {}),
            )
            if self._records.add(made, partial(self._noting.done, "ask", made, by)):
                break
        self._records.supersede(made, lambda old: self._noting.done("supersede", old, by))
        if waiter is not None:
            self._records.wait(made.id, waiter)
        self._outreach.tell(made)
        return made

    def approve(
        self,
        approval_id: str,
        reason: str = "",
        *,
        by: Principal | None = None,
        sha256: str | None = None,
        link: str | None = None,
    ) -> Approval:
        """Say yes; see :meth:`decide`."""
        return self.decide(approval_id, "approved", reason, by=by, sha256=sha256, link=link)

    def reject(
        self,
        approval_id: str,
        reason: str,
        *,
        by: Principal | None = None,
        sha256: str | None = None,
        link: str | None = None,
    ) -> Approval:
        """Say no; see :meth:`decide`."""
        return self.decide(approval_id, "rejected", reason, by=by, sha256=sha256, link=link)

    def decide(
        self,
        approval_id: str,
        verdict: Verdict,
        reason: str = "",
        *,
        by: Principal | None = None,
        sha256: str | None = None,
        link: str | None = None,
    ) -> Approval:
        """Decide for good; of two at once one wins, and the other is told.

        Args:
            by: Who decides; by default the principal in force.
            sha256: The content that was looked at, if it is known.
            link: The token of the link that led here; it is used up.

        Raises:
            BadInputError: there is no such approval, or a no without a reason.
            AccessDeniedError: ``by`` may not decide this; noted.
            ConflictError: it was decided, has expired or has changed meanwhile.
        """
        by = by or current_principal()
        approval = self.get(approval_id, by=by)
        self._require_right(approval, by)
        if verdict == "rejected" and not reason.strip():
            raise BadInputError("A no needs a reason.", "Say what has to be otherwise.")
        nonce = self._nonce(link, approval) if link is not None else None
        if not approval.waiting or (sha256 is not None and sha256 != approval.sha256):
            raise self._too_late(approval, by)
        now = self._clock()
        values = {
            "state": verdict,
            "decided_by": by.name,
            "decided_at": now,
            "reason": reason.strip()[:2000],
        }
        done = self._records.change(
            approval,
            values,
            partial(self._noting.done, verdict, approval, by.name, role=by.role, reason=reason),
            before=now,
            nonce=nonce,
        )
        if not done:
            raise self._too_late(self.get(approval.id, by=by), by)
        decided = self.get(approval.id, by=by)
        self._outreach.tell(decided)
        return decided

    def ask_again(self, approval_id: str, *, by: Principal | None = None) -> Approval:
        """Ask anew what expired or was rejected.

        Raises:
            AccessDeniedError: ``by`` may not decide such things.
            ConflictError: it waits, was approved, or has changed since.
        """
        by = by or current_principal()
        old = self.get(approval_id, by=by)
        self._require_right(old, by, own=True)
        if old.state not in {"expired", "rejected"}:
            raise ConflictError(
                f"{old.id} is not asked again. {old.words()}",
                "Only what expired or was rejected is.",
            )
        return self.ask(
            old.kind,
            old.subject,
            old.content,
            old.figures,
            title=old.title,
            team=old.team,
            by=by.name,
            shown=old.shown,
            links=old.links,
            again=True,
        )

    def applied(self, approval_id: str) -> bool:
        """Note that what was approved was done; False if it was noted already or is not approved.

        Whoever does it calls this after it; done twice it has to be the same.
        """
        found = self._records.get(approval_id)
        if found is None or found.state != "approved":
            return False
        values = {"applied_at": self._clock()}
        note = partial(self._noting.done, "apply", found, current_principal().name)
        return self._records.change(found, values, note)

    def void(self, approval_id: str, why: str) -> None:
        """Note that what was approved can no longer be done: it is another thing by now."""
        found = self._records.get(approval_id)
        if found is not None and found.state == "approved":
            values = {"state": "superseded", "reason": why}
            note = partial(self._noting.done, "void", found, current_principal().name)
            self._records.change(found, values, note)

    def sweep(self) -> int:
        """Expire what nobody decided, and tell what nobody was told; how many that were."""
        now, count = self._clock(), 0
        for one in self._records.find(state="waiting"):
            if one.expires_at <= now:
                note = partial(self._noting.done, "expire", one, "approvals")
                count += self._records.change(one, {"state": "expired"}, note)
        for one in self._records.untold():
            self._outreach.tell(one)
            count += 1
        return count

    def address(self, approval: Approval) -> str | None:
        """A link to decide it: signed, expiring, used once; it still asks to sign in."""
        return self._outreach.address(approval)

    def require_link(self, token: str, approval_id: str) -> None:
        """See that a link leads to that approval and was not used.

        Raises:
            AccessDeniedError: it does not, has expired or was used; noted.
        """
        found = self._records.get(approval_id)
        if found is None:
            raise BadInputError(
                f"There is no approval {approval_id!r}.", "`jarvis approvals list --all` shows all."
            )
        self._nonce(token, found)

    def _nonce(self, link: str, approval: Approval) -> str:
        try:
            return self._outreach.nonce(link, approval, self._clock())
        except AccessDeniedError as error:
            self._noting.bad_link(approval, error.what)
            raise

    def _require_right(self, approval: Approval, by: Principal, *, own: bool = False) -> None:
        against = self._deciders.against(approval, by, own=own)
        if against:
            self._noting.no_decision(approval, by, against, role=by.role)
            raise AccessDeniedError(against, "Ask somebody else who may.")

    def _too_late(self, approval: Approval, by: Principal) -> ConflictError:
        self._noting.no_decision(approval, by, f"it is {approval.state}")
        return ConflictError(
            f"{approval.id} can no longer be decided. {approval.words()}",
            "`jarvis approvals list` shows what waits.",
        )

    def _asks_anew(self, latest: Approval, *, again: bool) -> bool:
        return latest.state in {"expired", "superseded"} or (again and latest.state == "rejected")


def _short(kind: str, subject: str, sha256: str, number: int) -> str:
    return content_sha256([kind, subject, sha256, number])[1][:10]
