"""The reference of all settings, made from their model.

Belongs here: docs/settings.md as text. Run ``python -m
jarvis_dagster.settings_docs > docs/settings.md`` after a setting changed.
"""

from __future__ import annotations

import datetime
import types
import typing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic.fields import FieldInfo

__all__ = ["document", "every_key"]

_HEAD = """# Settings

Jarvis reads `config/jarvis-core.yaml` and, merged over it, the overlay of the
environment: `config/development.yaml`, `staging.yaml` or `production.yaml`,
chosen by `JARVIS_ENV` (default `development`). `JARVIS_CONFIG` names another
core file; its overlays are beside it. `JARVIS_DATA_DIR` moves all state.

In a value, `${NAME}` is an environment variable, `${NAME:-value}` the same with
a default, and `${file:/path}` the content of a file: the way to hand in secrets. A value that
begins with `~/` is in the home folder.
A key that is not listed here, or a value of the wrong type, is an error that
names the key and its file. `jarvis config show` prints what is in force.

| setting | type | default | meaning |
|---|---|---|---|
"""


def every_key(model: type[pydantic.BaseModel], at: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Each setting as a dotted key, sections included, in the model's order."""
    for name, field in model.model_fields.items():
        key = f"{at}{name}"
        yield key, field
        for inner, prefix in _models(field.annotation):
            yield from every_key(inner, f"{key}.{prefix}")


def document(model: type[pydantic.BaseModel]) -> str:
    """The whole reference as Markdown."""
    rows = [
        f"| `{key}` | {_type(field.annotation)} | {_default(field)} | {field.description} |"
        for key, field in every_key(model)
    ]
    return _HEAD + "\n".join(row.replace("\n", " ") for row in rows) + "\n"


def _models(annotation: Any) -> Iterator[tuple[type[pydantic.BaseModel], str]]:
    """The sections that a type holds, and what stands before their keys."""
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        yield annotation, ""
        return
    arguments = typing.get_args(annotation)
    in_a_mapping = typing.get_origin(annotation) is dict
    for argument in arguments:
        for inner, prefix in _models(argument):
            yield inner, ("<name>." if in_a_mapping else "") + prefix


_NAMES: dict[Any, str] = {
    datetime.time: "time of day",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "yes or no",
    Path: "path",
    pydantic.SecretStr: "secret text",
    type(None): "empty",
}


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    text = _NAMES.get(annotation, "section")
    if origin is typing.Literal:
        text = " or ".join(f"`{value}`" for value in arguments)
    elif origin in (typing.Union, types.UnionType):
        text = " or ".join(_type(argument) for argument in arguments)
    elif origin in (list, tuple, set, frozenset):
        text = f"list of {_type(arguments[0])}"
    elif origin is dict:
        text = f"{_type(arguments[1])} by name"
    elif origin is typing.Annotated:
        text = _type(arguments[0])
    return text


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if value is PydanticUndefined or isinstance(value, pydantic.BaseModel):
        return ""
    if value is None or value in ((), [], {}, ""):
        return "empty"
    if isinstance(value, tuple | list):
        return ", ".join(f"`{item}`" for item in value)
    return f"`{value}`"


if __name__ == "__main__":
    from jarvis_dagster.settings import Settings

    print(document(Settings), end="")  # noqa: T201
