"""Google's description of the Drive API, and what it does not allow.

Belongs here: which requests exist, with which parameters and bodies. Does not
belong here: what they do.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from googleapiclient import discovery_cache

from tests.fakes.google.errors import ApiError
from tests.fakes.google.fields import parse_fields

if TYPE_CHECKING:
    from tests.fakes.google.fields import Mask

__all__ = ["Call", "match"]

_UPLOADS = {"resumable", "multipart", "media"}
_BLANK = {"string": str, "boolean": bool, "integer": int, "number": (int, float)}


@dataclass(frozen=True)
class Call:
    """A request that the description knows.

    Attributes:
        name: ``files.list``.
        path: The parts of the address, ``{"fileId": ...}``.
        query: The parameters.
    """

    name: str
    path: dict[str, str]
    query: dict[str, str]
    is_upload: bool
    spec: dict[str, Any]

    def flag(self, name: str) -> bool:
        """A boolean parameter, or its default."""
        default = self.spec["parameters"].get(name, {}).get("default", "false")
        return self.query.get(name, default) == "true"

    def mask(self, default: str) -> Mask:
        """Which fields are wanted."""
        return parse_fields(self.query.get("fields", default))

    def check_body(self, body: dict[str, Any]) -> None:
        """Refuse a body with what its schema does not have."""
        reference = self.spec.get("request", {}).get("$ref")
        if reference is None:
            if body:
                raise _bad(f"{self.name} takes no body")
            return
        _check_value(body, {"$ref": reference}, self.name)


@cache
def _document() -> dict[str, Any]:
    return json.loads(discovery_cache.get_static_doc("drive", "v3"))


@cache
def _routes() -> list[tuple[str, re.Pattern[str], str, dict[str, Any]]]:
    routes = []
    for resource, content in _document()["resources"].items():
        for method, spec in content.get("methods", {}).items():
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(spec["path"]))
            full = re.compile(f"{_document()['servicePath']}{pattern}")
            routes.append((spec["httpMethod"], full, f"{resource}.{method}", spec))
    # ``files/generateIds`` is also a ``files/{fileId}``: the plainest first.
    return sorted(routes, key=lambda route: route[1].groups)


def match(method: str, path: str, query: dict[str, list[str]]) -> Call:
    """The call that a request is.

    Raises:
        ApiError: the description has no such request.
    """
    bare = path.lstrip("/")
    is_upload = bare.startswith("upload/")
    bare = bare.removeprefix("upload/")
    for verb, pattern, name, spec in _routes():
        found = pattern.fullmatch(bare)
        if found and (verb == method or (is_upload and method == "PUT" and "upload_id" in query)):
            if is_upload and not spec.get("supportsMediaUpload"):
                break
            call = Call(name, found.groupdict(), _single(query), is_upload, spec)
            _check_query(call)
            return call
    raise ApiError(404, "notFound", f"There is no {method} {path}")


def _single(query: dict[str, list[str]]) -> dict[str, str]:
    for name, values in query.items():
        if len(values) > 1:
            raise _bad(f"{name} is given twice")
    return {name: values[0] for name, values in query.items()}


def _check_query(call: Call) -> None:
    known = {**_document()["parameters"], **call.spec.get("parameters", {})}
    for name, value in call.query.items():
        if call.is_upload and name == "upload_id":
            continue
        if name not in known or known[name].get("location") != "query":
            raise _bad(f"{call.name} has no parameter {name}")
        _check_parameter(name, value, known[name])
    for name, spec in call.spec.get("parameters", {}).items():
        if spec.get("required") and name not in call.query and name not in call.path:
            raise ApiError(400, "required", f"Required parameter: {name}")
    if call.is_upload and call.query.get("uploadType") not in _UPLOADS:
        raise _bad("uploadType is missing")
    if call.query.get("alt") == "media" and not call.spec.get("supportsMediaDownload"):
        raise _bad(f"{call.name} has no media")
    if "fields" in call.query and "response" in call.spec:
        _check_mask(parse_fields(call.query["fields"]), call.spec["response"], call.name)


def _check_parameter(name: str, value: str, spec: dict[str, Any]) -> None:
    kind = spec["type"]
    if kind == "boolean" and value not in ("true", "false"):
        raise _bad(f"{name} is not a boolean")
    if kind == "integer":
        low, high = int(spec.get("minimum", -(2**31))), int(spec.get("maximum", 2**31))
        if not value.lstrip("-").isdigit() or not low <= int(value) <= high:
            raise _bad(f"{name} is not a number from {low} to {high}")
    if "enum" in spec and value not in spec["enum"]:
        raise _bad(f"{name} is not one of {spec['enum']}")


def _check_mask(mask: Mask, schema: dict[str, Any], where: str) -> None:
    schema = _resolved(schema)
    if schema.get("type") == "array":
        schema = _resolved(schema["items"])
    known = schema.get("properties", {})
    for name, below in mask.items():
        if name == "*":
            continue
        if name not in known:
            raise ApiError(400, "invalidParameter", f"Invalid field selection {name} of {where}")
        if below:
            _check_mask(below, known[name], f"{where}.{name}")


def _check_value(value: Any, schema: dict[str, Any], where: str) -> None:
    schema = _resolved(schema)
    kind = schema.get("type", "object")
    if kind == "array":
        if not isinstance(value, list):
            raise _bad(f"{where} is not a list")
        for item in value:
            _check_value(item, schema["items"], where)
    elif kind == "object":
        if not isinstance(value, dict):
            raise _bad(f"{where} is not an object")
        known, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, item in value.items():
            if name not in known and others is None:
                raise _bad(f"{where} has no {name}")
            _check_value(item, known.get(name, others), f"{where}.{name}")
            if known.get(name, {}).get("readOnly") and name != "emailAddress" and name != "domain":
                raise ApiError(403, "fieldNotWritable", f"{where}.{name} cannot be written")
    elif not isinstance(value, _BLANK.get(kind, object)):
        raise _bad(f"{where} is not of type {kind}")


def _resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return _document()["schemas"][schema["$ref"]] if "$ref" in schema else schema


def _bad(message: str) -> ApiError:
    return ApiError(400, "badRequest", message)
