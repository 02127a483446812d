"""A thin client of Microsoft Graph: requests, retries, answers.

Belongs here: how a request is sent and repeated. Does not belong here: what
is asked for, and what it means.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import requests

from jarvis_dagster.errors import PermanentError, TransientError
from jarvis_dagster.services.client_storage.onedrive.faults import (
    MalformedError,
    NotFoundError,
    fault,
)
from jarvis_dagster.services.retry import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jarvis_dagster.services.client_storage.onedrive.auth import Tokens
    from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig

__all__ = ["Graph", "json_of"]

_CONNECT_S = 15.0
_BATCH = 20  # https://learn.microsoft.com/graph/json-batching#batch-size-limitations
_T = TypeVar("_T")


class _Bearer(requests.auth.AuthBase):
    """The access token; given as such, a .netrc file cannot replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Nobody(requests.auth.AuthBase):
    """No token: for addresses that are a secret themselves."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.pop("Authorization", None)
        return request


class Graph:
    """Requests to one endpoint of Microsoft Graph, for any number of threads."""

    def __init__(
        self, config: OneDriveConfig, tokens: Tokens, sleep: Callable[[float], None]
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._sleep = sleep
        self._local = threading.local()
        self.base = config.api_endpoint

    def repeat(self, call: Callable[[], _T]) -> _T:
        """Call until it succeeds, waiting ever longer, or as long as the service asks."""
        policy = retrying(self._config.attempts, first_wait_s=0.5, max_wait_s=30.0)
        return policy.copy(sleep=self._sleep)(call)

    def call(
        self,
        method: str,
        link: str,
        what: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The decoded answer; empty where there is none.

        Args:
            link: Path and query below the endpoint, quoted.
            what: What is asked for, in words that a person knows; for errors.
        """
        sent = dict(headers or {})
        data = content
        if body is not None:
            data = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        elif content is not None:
            sent["Content-Type"] = "application/octet-stream"
        return self.repeat(lambda: self._call(method, link, what, data, sent))

    def open(self, url: str, what: str, headers: Mapping[str, str]) -> requests.Response:
        """The open answer of an address that needs no token; close it. Not repeated.

        Raises:
            PermanentError: the address is neither encrypted nor of this machine.
        """
        return self._send("GET", self._safe(url), what, headers=headers, stream=True)

    def send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """The answer of an address that needs no token, whatever it is. Not repeated."""
        return self._send(method, self._safe(url), what, data=content, headers=headers)

    def find(self, link: str, what: str) -> dict[str, Any] | None:
        """What is at a link, or None for nothing."""
        try:
            return self.call("GET", link, what)
        except (NotFoundError, MalformedError):
            return None

    def find_all(self, links: Iterable[str], what: str) -> list[dict[str, Any] | None]:
        """What is at each link, or None for nothing: twenty links a request."""
        wanted = list(links)
        found: list[dict[str, Any] | None] = []
        for start in range(0, len(wanted), _BATCH):
            found += self._batch(wanted[start : start + _BATCH], what)
        return found

    def below(self, url: str) -> str:
        """The part of an address after the endpoint: a page that the service points to.

        Raises:
            TransientError: it points elsewhere, where no token may be sent.
        """
        here, there = urlsplit(self.base), urlsplit(url)
        same = (here.scheme, here.netloc.lower()) == (there.scheme, there.netloc.lower())
        if not same or not there.path.startswith(f"{here.path}/"):
            raise TransientError("OneDrive points to a page that is not its own.", "Try again.")
        path = there.path[len(here.path) :]
        return f"{path}?{there.query}" if there.query else path

    def _batch(self, links: list[str], what: str) -> list[dict[str, Any] | None]:
        if len(links) == 1:
            return [self.find(links[0], what)]
        asked = [
            {"id": str(number), "method": "GET", "url": link} for number, link in enumerate(links)
        ]
        answer = self.call("POST", "/$batch", what, body={"requests": asked})
        told = {str(one.get("id")): one for one in answer.get("responses", [])}
        found: list[dict[str, Any] | None] = []
        for number, link in enumerate(links):
            one = told.get(str(number), {})
            if one.get("status") == 200 and isinstance(one.get("body"), dict):
                found.append(one["body"])
            else:  # gone, or one of them was too many: ask for it alone
                found.append(self.find(link, what))
        return found

    def _call(
        self, method: str, link: str, what: str, data: bytes | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        token = self._tokens.get()
        response = self._send(
            method, self.base + link, what, data=data, headers=headers, auth=_Bearer(token)
        )
        if response.status_code == 401:
            token = self._tokens.get(fresh=True)
            response = self._send(
                method, self.base + link, what, data=data, headers=headers, auth=_Bearer(token)
            )
            if response.status_code == 401:
                raise PermanentError(
                    f"OneDrive does not know who asks: {what} (401).", self._tokens.remedy
                )
        return json_of(response, what)

    def _safe(self, url: str) -> str:
        local = self.base.startswith("http://")  # which the settings allow on this machine alone
        there = urlsplit(url)
        if there.scheme != "https" and not (
            local and there.scheme == "http" and there.hostname == urlsplit(self.base).hostname
        ):
            raise PermanentError(
                "OneDrive gave an address that is not encrypted.",
                "Nothing was sent there. Check what stands between this machine and OneDrive.",
            )
        return url

    def _send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        auth: requests.auth.AuthBase | None = None,
        stream: bool = False,
    ) -> requests.Response:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        try:
            response: requests.Response = self._local.session.request(
                method,
                url,
                data=data,
                headers=headers,
                auth=auth or _Nobody(),
                timeout=(min(_CONNECT_S, self._config.timeout_s), self._config.timeout_s),
                allow_redirects=auth is None,
                stream=stream,
            )
        except requests.RequestException as error:
            # Its text and its cause hold the address, which may be a secret.
            kind = type(error).__name__
            if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE" in str(error):
                raise PermanentError(
                    f"The certificate of OneDrive is not trusted: {what}.",
                    "Set REQUESTS_CA_BUNDLE if a proxy stands between.",
                ) from None
            raise TransientError(
                f"OneDrive did not answer: {what} ({kind}).", "Check the network and try again."
            ) from None
        return response


def json_of(response: requests.Response, what: str) -> dict[str, Any]:
    """The decoded JSON of an answer.

    Raises:
        JarvisError: the answer is a refusal, or not JSON.
    """
    try:
        body = response.json() if response.content else {}
    except ValueError:
        body = None
    if not 200 <= response.status_code < 300:
        raise fault(response.status_code, response.headers, body, what)
    if not isinstance(body, dict):
        raise TransientError(f"The answer of OneDrive is damaged: {what}.", "Try again.")
    return body
