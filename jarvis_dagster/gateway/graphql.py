"""What is asked of Dagster in GraphQL: whether it changes anything, and what.

Belongs here: reading documents. Does not belong here: sending them on (``checking``).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from jarvis_dagster.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphql import DocumentNode, SelectionSetNode

__all__ = ["PATH", "Question", "may_change", "question"]

PATH = "/graphql"
_MOST_TOKENS = 20_000
_MOST_TEXT = 300


@dataclasses.dataclass(frozen=True)
class Question:
    """A document; ``changes`` are the mutations that it names, with the start of its variables."""

    body: bytes
    changes: tuple[str, ...]
    about: str = ""


def may_change(query: str) -> bool:
    """Whether a query string asks for anything but reading; what cannot be read may."""
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name.lower() != "query":
            continue
        try:
            if _operations(_parsed(value)) != {"query"}:
                return True
        except BadInputError:
            return True
    return False


def question(media_type: str, body: bytes) -> Question:
    """What a request body asks.

    Raises:
        BadInputError: it is no GraphQL request.
    """
    kind = media_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        try:
            asked = json.loads(body)
        except (ValueError, RecursionError):
            raise BadInputError("The request is not JSON.", 'Send {"query": "…"}.') from None
    elif kind == "application/graphql":
        asked = {"query": body.decode("utf-8", "replace")}
    else:
        raise BadInputError("A GraphQL request is JSON.", "Send application/json.")
    if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
        raise BadInputError("The request holds no GraphQL query.", 'Send {"query": "…"}.')
    document = _parsed(asked["query"])
    # As it was understood, and not as it came: nobody reads it differently.
    kept = {k: asked[k] for k in ("query", "variables", "operationName") if k in asked}
    whole = json.dumps(kept).encode()
    if "mutation" not in _operations(document):
        return Question(whole, ())
    names = tuple(dict.fromkeys(_mutations(document)))
    about = json.dumps(asked.get("variables") or {}, default=str)
    return Question(whole, names, about[:_MOST_TEXT])


def _parsed(text: str) -> DocumentNode:
    from graphql import GraphQLError, parse

    try:
        return parse(text, no_location=True, max_tokens=_MOST_TOKENS)
    except (GraphQLError, RecursionError):
        raise BadInputError(
            "The request is not GraphQL.", "Check its braces; it may be too long or too deep, too."
        ) from None


def _operations(document: DocumentNode) -> set[str]:
    from graphql import OperationDefinitionNode

    found = document.definitions
    return {one.operation.value for one in found if isinstance(one, OperationDefinitionNode)}


def _mutations(document: DocumentNode) -> Iterator[str]:
    from graphql import FragmentDefinitionNode, OperationDefinitionNode, OperationType

    fragments = {
        one.name.value: one.selection_set
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    for one in document.definitions:
        if isinstance(one, OperationDefinitionNode) and one.operation is OperationType.MUTATION:
            yield from _fields(one.selection_set, fragments, set())


def _fields(chosen: SelectionSetNode, fragments: dict[str, Any], seen: set[str]) -> Iterator[str]:
    from graphql import FieldNode, FragmentSpreadNode, InlineFragmentNode

    for part in chosen.selections:
        if isinstance(part, FieldNode):
            yield part.name.value
        elif isinstance(part, InlineFragmentNode):
            yield from _fields(part.selection_set, fragments, seen)
        elif isinstance(part, FragmentSpreadNode) and part.name.value not in seen:
            seen.add(part.name.value)
            if part.name.value in fragments:
                yield from _fields(fragments[part.name.value], fragments, seen)
