"""The language of queries: what a person types, and what the index is asked.

Belongs here: words, phrases, prefixes, exclusions, ``type:`` and ``in:``. Does
not belong here: SQL (``index.py``).
"""

from __future__ import annotations

import dataclasses
import re

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.search.formats import KINDS
from jarvis_dagster.services.client_storage.search.text import normal

__all__ = ["Query", "Words", "kind_or_extension", "parse"]

_MOST_CHARS, _MOST_TERMS = 1000, 64
_TERM = re.compile(
    r"""(?P<no>-?)(?:(?P<field>type|in):)?(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s"]+))(?P<star>\*?)""",
    re.IGNORECASE,
)
_HAS_WORD = re.compile(r"[^\W_]")


@dataclasses.dataclass(frozen=True)
class Words:
    """A word, or several that follow each other; with ``prefix`` the last may go on."""

    text: str
    prefix: bool = False

    @property
    def quoted(self) -> str:
        """A string in the language of the full-text index, in which nothing has a meaning."""
        return f'"{self.text}"{" *" if self.prefix else ""}'


@dataclasses.dataclass
class Query:
    """What to look for.

    Attributes:
        wanted: Words that a file must have, all of them.
        unwanted: Words of which it must have none.
        kinds: Of these kinds or extensions only, if there are any.
        not_kinds: Of none of these.
        folders: Below each of these folders, which may be anywhere.
        not_folders: Below none of these.
    """

    wanted: list[Words] = dataclasses.field(default_factory=list)
    unwanted: list[Words] = dataclasses.field(default_factory=list)
    kinds: list[str] = dataclasses.field(default_factory=list)
    not_kinds: list[str] = dataclasses.field(default_factory=list)
    folders: list[str] = dataclasses.field(default_factory=list)
    not_folders: list[str] = dataclasses.field(default_factory=list)


def parse(text: str) -> Query:
    """The query that a person typed.

    ``word`` ``"exact phrase"`` ``begin*`` ``-without`` ``type:video`` ``in:Results``;
    all must hold. Whatever else is in it is only text: no word of the index's own
    language (``AND``, ``NEAR``, ``name:``) has a meaning.

    Raises:
        BadInputError: there is nothing to look for, or it is far too long.
    """
    if len(text) > _MOST_CHARS:
        raise BadInputError(f"The query is longer than {_MOST_CHARS} characters.", "Shorten it.")
    query = Query()
    for term in list(_TERM.finditer(_quotes(text)))[:_MOST_TERMS]:
        said = term["phrase"] if term["phrase"] is not None else term["word"]
        prefix = bool(term["star"]) or (term["phrase"] is None and said.endswith("*"))
        without, field = bool(term["no"]), (term["field"] or "").lower()
        if field == "type":
            kinds = query.not_kinds if without else query.kinds
            kinds += [kind_or_extension(kind) for kind in said.split(",") if kind]
        elif field == "in":
            folders = query.not_folders if without else query.folders
            folders += [folder] if (folder := said.strip("/ ")) else []
        elif words := _words(said, prefix=prefix):
            said_before = query.unwanted if without else query.wanted
            said_before += [words] if words not in said_before else []
    if not (query.wanted or query.kinds or query.folders):
        raise BadInputError(
            f"There is no word to look for in {text!r}.", "Name a word, type:KIND or in:FOLDER."
        )
    return query


def kind_or_extension(said: str) -> str:
    """A kind in the singular (``videos`` is ``video``), or an extension without its dot."""
    said = said.strip().lower().lstrip(".")
    single = said[:-1] if said.endswith("s") else said
    return single if single in {*KINDS, "folder", "other"} else said


def _words(said: str, *, prefix: bool) -> Words | None:
    """Words in the form of the index; None if there are none."""
    said = normal(said.encode("utf-8", "replace").decode()).replace('"', " ")
    said = said.rstrip("* ") if prefix else said
    return Words(said, prefix) if _HAS_WORD.search(said) else None


def _quotes(text: str) -> str:
    """With the quotation marks of word processors as plain ones."""
    return re.sub("[\u201c\u201d\u201e\u00ab\u00bb]", '"', text)
