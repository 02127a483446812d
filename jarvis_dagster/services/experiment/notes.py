"""What people say about runs: notes, tags, owners.

Belongs here: how that is kept in MLflow's tags. Does not belong here: sharing (``sharing`` of
the commands), accounts.
"""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.experiment.finding import Reader
    from jarvis_dagster.services.experiment.writing import Writer

__all__ = ["Note", "add_note", "notes_in", "own_tags_in", "owner_in", "set_owner", "tag_run"]

_NOTE = "jarvis.note."
_OWNER = "jarvis.owner"
_SHOWN_BY_MLFLOW = "mlflow.note.content"
_TAG = re.compile(r"[\w][\w\-./ :]{0,200}")
_RESERVED = ("mlflow.", "jarvis.", "dagster.")
_MOST_CHARACTERS = 4000


@dataclasses.dataclass(frozen=True)
class Note:
    """Something that a person said about a run; ``at`` is ISO time, UTC."""

    at: str
    by: str
    text: str


def notes_in(tags: Mapping[str, str]) -> list[Note]:
    """The notes of a run, oldest first."""
    own = sorted((key, text) for key, text in tags.items() if key.startswith(_NOTE))
    return [Note(**json.loads(text)) for _, text in own]


def owner_in(tags: Mapping[str, str]) -> str:
    """Whose run it is; empty where nobody said."""
    return tags.get(_OWNER, tags.get("mlflow.user", ""))


def own_tags_in(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that people set."""
    return {name: text for name, text in tags.items() if not name.startswith(_RESERVED)}


def add_note(reader: Reader, writer: Writer, run_id: str, text: str, by: str) -> Note:
    """Add a note to a run; those that are there stay, whoever writes at the same time."""
    text = text.strip()
    if not text or len(text) > _MOST_CHARACTERS:
        raise BadInputError(
            f"A note of {len(text)} characters cannot be kept.",
            f"Write 1 to {_MOST_CHARACTERS:,}, or store a file.",
        )
    note = Note(datetime.now(UTC).isoformat(timespec="seconds"), by, text)
    key = f"{_NOTE}{time.time_ns():020d}.{secrets.token_hex(4)}"
    writer.set_tags(run_id, {key: json.dumps(dataclasses.asdict(note), ensure_ascii=False)})
    known = notes_in(reader.run_facts(run_id).tags)
    told = "\n\n".join(f"**{one.by}**, {one.at}: {one.text}" for one in known)
    writer.set_tags(run_id, {_SHOWN_BY_MLFLOW: told[-_MOST_CHARACTERS:]})
    return note


def tag_run(reader: Reader, writer: Writer, run_id: str, name: str, text: str | None) -> None:
    """Set a tag of a run, or take it away (None)."""
    if name.startswith(_RESERVED) or not _TAG.fullmatch(name):
        raise BadInputError(
            f"{name[:80]!r} cannot be a tag of yours.",
            "Use letters, digits and - . / : _; mlflow., jarvis. and dagster. are taken.",
        )
    if text is not None:
        writer.set_tags(run_id, {name: text})
    elif name in reader.run_facts(run_id).tags:
        writer.delete_tag(run_id, name)


def set_owner(writer: Writer, run_id: str, owner: str) -> None:
    """Say whose run it is."""
    writer.set_tags(run_id, {_OWNER: owner})
