"""Refusals, in the words of Microsoft Graph.

Belongs here: statuses and codes (https://learn.microsoft.com/graph/errors).
"""

from __future__ import annotations

from typing import Any

__all__ = ["CODES", "ApiError"]

CODES = {
    400: "invalidRequest",
    401: "InvalidAuthenticationToken",
    403: "accessDenied",
    404: "itemNotFound",
    405: "invalidRequest",
    409: "nameAlreadyExists",
    410: "resyncRequired",
    412: "resourceModified",
    413: "invalidRequest",
    416: "invalidRange",
    423: "notAllowed",
    429: "activityLimitReached",
    500: "generalException",
    502: "generalException",
    503: "serviceNotAvailable",
    504: "generalException",
    507: "quotaLimitReached",
    509: "activityLimitReached",
}


class ApiError(Exception):
    """An answer that is not a success."""

    def __init__(
        self,
        status: int,
        code: str = "",
        detail: str = "",
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, detail)
        self.status = status
        self.code = code or CODES.get(status, "generalException")
        self.detail = detail
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": f"{self.code} {self.detail}"}
        if self.detail:
            error["innererror"] = {"code": self.detail}
        return {"error": error}
