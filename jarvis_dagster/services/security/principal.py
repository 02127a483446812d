"""Who is acting.

Belongs here: one who acts, and who that is at this moment. Does not belong here: proving it
(``accounts``), what it may do (``policy``).
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LOCAL", "Principal", "acting_as", "acting_from", "current_address", "current_principal"]


@dataclasses.dataclass(frozen=True)
class Principal:
    """One who acts.

    Attributes:
        name: Of the account.
        role: What the policy goes by.
        teams: Whose videos it may see; None is everybody's.
        kind: A person, a component, or whoever runs Jarvis on this machine.
    """

    name: str
    role: str
    teams: frozenset[str] | None = frozenset()
    kind: Literal["user", "service", "local"] = "user"


LOCAL = Principal("local", "admin", None, "local")
"""Whoever may run processes of this installation: its files are theirs in any case."""

_acting: contextvars.ContextVar[Principal] = contextvars.ContextVar("principal", default=LOCAL)


_address: contextvars.ContextVar[str] = contextvars.ContextVar("address", default="")


def current_principal() -> Principal:
    """Who acts in this context; :data:`LOCAL` where nobody signed in."""
    return _acting.get()


@contextlib.contextmanager
def acting_as(principal: Principal) -> Iterator[None]:
    """Everything within is done by ``principal``."""
    token = _acting.set(principal)
    try:
        yield
    finally:
        _acting.reset(token)


def current_address() -> str:
    """The network address that a request came from; empty on this machine."""
    return _address.get()


@contextlib.contextmanager
def acting_from(address: str) -> Iterator[None]:
    """Everything within is asked for from that network address."""
    token = _address.set(address)
    try:
        yield
    finally:
        _address.reset(token)
