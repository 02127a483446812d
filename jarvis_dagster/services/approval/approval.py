"""What is asked, and what was said.

Belongs here: an approval as a value, and the hash of what it is about. Does not belong here:
where it is kept (``records``), who may decide (``service``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import TYPE_CHECKING, Any, Literal

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = [
    "Approval",
    "Figure",
    "Kind",
    "Shown",
    "State",
    "Verdict",
    "content_sha256",
    "figures_of",
]

Kind = Literal["results", "deployment", "parameters", "labels"]
Verdict = Literal["approved", "rejected"]
State = Literal["not_required", "waiting", "approved", "rejected", "expired", "superseded"]
_MOST_BYTES = 100_000


@dataclasses.dataclass(frozen=True)
class Figure:
    """One figure before and after; None where there is none."""

    name: str
    before: float | str | None
    after: float | str | None
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Shown:
    """A stored file that people look at before they decide.

    Attributes:
        key: Of the object, in the artifacts' bucket.
        sha256: Of its content; another content is not shown.
    """

    name: str
    key: str
    sha256: str

    @property
    def is_picture(self) -> bool:
        """Whether it is shown on the page itself."""
        return self.key.endswith((".jpg", ".png"))


@dataclasses.dataclass(frozen=True)
class Approval:
    """One thing that a person decides about.

    Attributes:
        id: Short; empty where nobody has to be asked.
        subject: What it is about, as in a video's or a model's name; a new content of a subject
            takes the place of the one before.
        sha256: Of the content: exactly this is approved, and nothing else.
        team: Whose it is; None is everybody's.
        asked_by: Who or what asked; times are seconds since 1970.
        applied_at: When what was approved was done.
        superseded_by: The id of the approval that took its place.
    """

    id: str
    kind: Kind
    subject: str
    sha256: str
    state: State
    title: str = ""
    content: Any = None
    team: str | None = None
    round: int = 1
    asked_by: str = ""
    asked_at: float = 0.0
    expires_at: float = 0.0
    decided_by: str = ""
    decided_at: float | None = None
    reason: str = ""
    applied_at: float | None = None
    superseded_by: str = ""
    figures: tuple[Figure, ...] = ()
    shown: tuple[Shown, ...] = ()
    links: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def allowed(self) -> bool:
        """Whether it may be done."""
        return self.state in {"approved", "not_required"}

    @property
    def waiting(self) -> bool:
        """Whether somebody still has to decide."""
        return self.state == "waiting"

    def to_json(self) -> dict[str, Any]:
        """All of it, and ``allowed``."""
        return {**dataclasses.asdict(self), "allowed": self.allowed}

    def words(self) -> str:
        """The state in a sentence."""
        by = f" by {self.decided_by}" if self.decided_by else ""
        why = f": {self.reason}" if self.reason else ""
        return {
            "not_required": "Nobody has to be asked.",
            "waiting": "It waits for a person.",
            "approved": f"It was approved{by}{why}.",
            "rejected": f"It was rejected{by}{why}.",
            "expired": "Nobody decided in time; it can be asked again.",
            "superseded": "It has changed since; what it is now is asked anew"
            + (f" ({self.superseded_by})." if self.superseded_by else "."),
        }[self.state]


def figures_of(given: Iterable[Figure] | Mapping[str, Any]) -> tuple[Figure, ...]:
    """Figures from ``{name: (before, after)}`` or as they are."""
    if hasattr(given, "items"):
        return tuple(Figure(str(name), *pair) for name, pair in given.items())
    return tuple(one if isinstance(one, Figure) else Figure(**one) for one in given)


def content_sha256(content: Any) -> tuple[str, str]:
    """The content as text that is the same for the same content, and its hash.

    Raises:
        BadInputError: it is not JSON, or too large.
    """
    try:
        text = json.dumps(content, sort_keys=True, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"The content of an approval is not JSON ({error}).",
            "Give only text, numbers, lists and objects.",
        ) from error
    if len(text) > _MOST_BYTES:
        raise BadInputError(
            f"The content of an approval has {len(text):,} characters; {_MOST_BYTES:,} are"
            " possible.",
            "Name large things by their hash.",
        )
    return text, hashlib.sha256(text.encode()).hexdigest()
