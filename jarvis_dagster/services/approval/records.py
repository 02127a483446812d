"""Approvals in a database; the one place where a state changes.

Belongs here: tables, and the changes that only one of several at once may win. Does not belong
here: who may (``service``).

A change is written into the audit log before it is committed: what is not noted is not done.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.approval.approval import Approval, Figure, Shown
from jarvis_dagster.services.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import sqlalchemy as sa

__all__ = ["Records"]

_JSON = ("content", "figures", "shown", "links")
_OPEN = ("waiting", "approved")


class Records:
    """The approvals of one installation; safe for threads and processes."""

    def __init__(self, url: str) -> None:
        import sqlalchemy as sa

        self._database = Database(url, "approvals", "approvals.database")
        self._open = self._database.open
        data = self._database.tables
        self._table = sa.Table(
            "jarvis_approval",
            data,
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("kind", sa.String(16), nullable=False),
            sa.Column("subject", sa.String(300), nullable=False),
            sa.Column("sha256", sa.String(64), nullable=False),
            sa.Column("round", sa.Integer, nullable=False),
            sa.Column("state", sa.String(16), nullable=False, index=True),
            sa.Column("title", sa.String(500), nullable=False),
            sa.Column("team", sa.String(64)),
            sa.Column("asked_by", sa.String(200), nullable=False),
            sa.Column("asked_at", sa.Float, nullable=False, index=True),
            sa.Column("expires_at", sa.Float, nullable=False),
            sa.Column("decided_by", sa.String(200), nullable=False),
            sa.Column("decided_at", sa.Float),
            sa.Column("reason", sa.Text, nullable=False),
            sa.Column("applied_at", sa.Float),
            sa.Column("superseded_by", sa.String(32), nullable=False),
            *(sa.Column(name, sa.Text, nullable=False) for name in _JSON),
            sa.Column("told", sa.Boolean, nullable=False),
            sa.UniqueConstraint("kind", "subject", "sha256", "round"),
        )
        self._waiter = sa.Table(
            "jarvis_approval_waiter",
            data,
            sa.Column("approval", sa.String(32), primary_key=True),
            sa.Column("workflow", sa.String(300), primary_key=True),
        )
        self._link = sa.Table(
            "jarvis_approval_link",
            data,
            sa.Column("nonce", sa.String(64), primary_key=True),
            sa.Column("approval", sa.String(32), nullable=False),
            sa.Column("used_by", sa.String(200)),
        )

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def get(self, approval_id: str) -> Approval | None:
        """One approval."""
        found = self.find(id=approval_id)
        return found[0] if found else None

    def find(self, limit: int | None = None, **equal: Any) -> list[Approval]:
        """Approvals with these values (a tuple is any of them), the newest first."""
        import sqlalchemy as sa

        at = self._table.c
        query = sa.select(self._table).order_by(at.asked_at.desc(), at.round.desc())
        for name, value in equal.items():
            column = at[name]
            query = query.where(column.in_(value) if isinstance(value, tuple) else column == value)
        if limit is not None:
            query = query.limit(limit)
        with self._open() as base:
            return [_approval(row._asdict()) for row in base.execute(query)]

    def add(self, made: Approval, note: Callable[[], None]) -> bool:
        """Put an approval in; False if somebody else did that meanwhile."""
        import sqlalchemy as sa

        row = dataclasses.asdict(made)
        row |= {name: json.dumps(row[name], ensure_ascii=False) for name in _JSON}
        try:
            with self._open() as base:
                base.execute(sa.insert(self._table).values(**row, told=False))
                note()
        except sa.exc.IntegrityError:
            return False
        return True

    def supersede(self, new: Approval, note: Callable[[Approval], None]) -> list[Approval]:
        """End what waits or was not yet done of other contents of the subject."""
        ended = []
        for old in self.find(kind=new.kind, subject=new.subject, state=_OPEN):
            if old.sha256 == new.sha256 or old.applied_at is not None:
                continue
            changed = {"state": "superseded", "superseded_by": new.id}
            if self.change(old, changed, lambda old=old: note(old)):  # type: ignore[misc]
                ended.append(old)
        return ended

    def change(
        self,
        approval: Approval,
        values: dict[str, Any],
        note: Callable[[], None],
        *,
        before: float | None = None,
        nonce: str | None = None,
    ) -> bool:
        """Change a state, if it still is what ``approval`` says; False if it is not.

        Args:
            before: Only while it has not expired at this time.
            nonce: Of the link that is used up by it; False if it was used before.
        """
        import sqlalchemy as sa

        at = self._table.c
        query = sa.update(self._table).where(
            at.id == approval.id,
            at.state == approval.state,
            at.sha256 == approval.sha256,
            at.applied_at.is_(None),
        )
        if before is not None:
            query = query.where(at.expires_at > before)
        try:
            with self._open() as base:
                if base.execute(query.values(told=False, **values)).rowcount != 1:
                    return False
                if nonce is not None:
                    self._use(base, nonce, values["decided_by"])
                note()
        except _UsedError:
            return False
        return True

    def told(self, approval: Approval) -> None:
        """People and workflows know of its state."""
        import sqlalchemy as sa

        at = self._table.c
        where = (at.id == approval.id, at.state == approval.state)
        with self._open() as base:
            base.execute(sa.update(self._table).where(*where).values(told=True))

    def untold(self) -> list[Approval]:
        """Approvals whose state somebody still has to be told."""
        return self.find(told=False)

    def wait(self, approval_id: str, workflow_id: str) -> None:
        """Note that a workflow waits for it; twice is once."""
        import sqlalchemy as sa

        values = {"approval": approval_id, "workflow": workflow_id}
        with contextlib.suppress(sa.exc.IntegrityError), self._open() as base:
            base.execute(sa.insert(self._waiter).values(values))

    def waiters(self, approval_id: str) -> list[str]:
        """Ids of the workflows that wait for it."""
        import sqlalchemy as sa

        query = sa.select(self._waiter.c.workflow).where(self._waiter.c.approval == approval_id)
        with self._open() as base:
            return list(base.execute(query).scalars())

    def add_link(self, nonce: str, approval_id: str) -> None:
        """Note a link that was given away."""
        import sqlalchemy as sa

        values = {"nonce": nonce, "approval": approval_id, "used_by": None}
        with self._open() as base:
            base.execute(sa.insert(self._link).values(values))

    def link_is_fresh(self, nonce: str, approval_id: str) -> bool:
        """Whether a link is of that approval and was not used yet."""
        import sqlalchemy as sa

        at = self._link.c
        query = sa.select(at.nonce).where(
            at.nonce == nonce, at.approval == approval_id, at.used_by.is_(None)
        )
        with self._open() as base:
            return base.execute(query).first() is not None

    def _use(self, base: sa.Connection, nonce: str, by: str) -> None:
        import sqlalchemy as sa

        at = self._link.c
        query = sa.update(self._link).where(at.nonce == nonce, at.used_by.is_(None))
        if base.execute(query.values(used_by=by)).rowcount != 1:
            raise _UsedError


class _UsedError(Exception):
    """A link was used before; the change is not made."""


def _approval(row: dict[str, Any]) -> Approval:
    row.pop("told")
    row |= {name: json.loads(row[name]) for name in _JSON}
    row["figures"] = tuple(Figure(**one) for one in row["figures"])
    row["shown"] = tuple(Shown(**one) for one in row["shown"])
    return Approval(**row)


def require_id(found: Sequence[Approval], given: str) -> Approval:
    """The approval that an id, or the beginning of one, names.

    Raises:
        BadInputError: none, or several.
    """
    named = [one for one in found if one.id == given] or [
        one for one in found if given and one.id.startswith(given)
    ]
    if len(named) == 1:
        return named[0]
    raise BadInputError(
        f"There is no approval {given!r}."
        if not named
        else f"{given!r} may be {', '.join(one.id for one in named[:5])}.",
        "`jarvis approvals list --all` shows all.",
    )
