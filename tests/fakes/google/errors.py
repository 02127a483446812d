"""Refusals in the words of Google. Belongs here: their form. Not here: when."""

from __future__ import annotations

from typing import Any

__all__ = ["ApiError", "error_body", "not_found"]


class ApiError(Exception):
    """An answer that says no."""

    def __init__(
        self,
        status: int,
        reason: str,
        message: str = "",
        *,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {reason}: {message}")
        self.status = status
        self.reason = reason
        self.message = message or reason
        self.headers = headers or {}


def error_body(status: int, reason: str, message: str) -> dict[str, Any]:
    """The JSON of a refusal."""
    first = {"domain": "global", "reason": reason, "message": message}
    return {"error": {"code": status, "message": message, "errors": [first]}}


def not_found(file_id: str) -> ApiError:
    """What is said about a file that is not there, or not for this caller."""
    return ApiError(404, "notFound", f"File not found: {file_id}.")
