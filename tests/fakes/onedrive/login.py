"""Microsoft's sign-in, as far as msal asks.

Belongs here: the OpenID configuration, device codes, tokens
(https://learn.microsoft.com/entra/identity-platform/v2-oauth2-device-code).
Does not belong here: files.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from typing import Any
from urllib.parse import parse_qs

__all__ = ["Login"]

_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


class Login:
    """Gives tokens to one app and one person.

    Attributes:
        approves: What the person does with the code: approve, refuse, or nothing yet.
        asked: The grant types of the requests for tokens.
    """

    client_id = "11112222-bbbb-3333-cccc-4444dddd5555"
    client_secret = "the app's secret"
    person = "owner@example.org"

    def __init__(self) -> None:
        self.address = ""
        self.approves: bool | None = True
        self.pending = 0
        self.asked: list[str] = []
        self._lock = threading.Lock()
        self._scopes: dict[str, str] = {}
        self._refresh: set[str] = set()
        self._access: set[str] = set()

    def knows(self, token: str) -> bool:
        """Whether an access token is good."""
        with self._lock:
            return token in self._access

    def revoke(self, *, session: bool = False) -> None:
        """No access token that was given is good any more; nor the session, if asked."""
        with self._lock:
            self._access.clear()
            if session:
                self._refresh.clear()

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """A request to the sign-in."""
        parts = path.strip("/").split("/")
        tenant, rest = parts[0], "/".join(parts[1:])
        if rest == "v2.0/.well-known/openid-configuration" and method == "GET":
            if tenant == "unknown":
                return 400, {"error": "invalid_tenant", "error_description": "no such tenant"}
            base = f"{self.address}/{tenant}"
            return 200, {
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
            }
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        if form.get("client_id") != self.client_id:
            return 400, {"error": "unauthorized_client", "error_description": "no such app"}
        with self._lock:
            if rest == "oauth2/v2.0/devicecode":
                return self._device_code(form)
            if rest == "oauth2/v2.0/token":
                self.asked.append(form["grant_type"])
                return self._token(tenant, form)
        return 404, {"error": "not_found"}

    def _device_code(self, form: dict[str, str]) -> tuple[int, Any]:
        self._scopes[code := secrets.token_hex(16)] = form["scope"]
        return 200, {
            "device_code": code,
            "user_code": "ABCD1234",
            "verification_uri": "https://login.example/device",
            "expires_in": 900,
            "interval": 0,
            "message": "Open https://login.example/device and enter the code ABCD1234.",
        }

    def _token(self, tenant: str, form: dict[str, str]) -> tuple[int, Any]:
        grant = form["grant_type"]
        if grant == "client_credentials":
            if form.get("client_secret") != self.client_secret:
                return 401, {"error": "invalid_client", "error_description": "wrong secret"}
            return 200, self._tokens(tenant, form, with_person=False)
        if grant == _DEVICE:
            if form.get("device_code") not in self._scopes:
                return 400, {"error": "bad_verification_code"}
            if self.pending:
                self.pending -= 1
                return 400, {"error": "authorization_pending"}
            if not self.approves:
                return 400, {"error": "authorization_declined"}
            return 200, self._tokens(tenant, form, with_person=True)
        if grant == "refresh_token":
            if form.get("refresh_token") not in self._refresh:
                return 400, {"error": "invalid_grant", "error_description": "expired"}
            return 200, self._tokens(tenant, form, with_person=True)
        return 400, {"error": "unsupported_grant_type"}

    def _tokens(self, tenant: str, form: dict[str, str], *, with_person: bool) -> dict[str, Any]:
        self._access.add(access := f"access-{secrets.token_hex(16)}")
        told: dict[str, Any] = {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": 3600,
            # msal asks for the scope with the device code alone.
            "scope": form.get("scope") or self._scopes.get(form.get("device_code", ""), ""),
        }
        if with_person:
            self._refresh.add(refresh := f"refresh-{secrets.token_hex(16)}")
            now = int(time.time())
            claims = {
                "aud": self.client_id,
                "iss": f"{self.address}/{tenant}/v2.0",
                "iat": now,
                "exp": now + 3600,
                "sub": "person",
                "preferred_username": self.person,
            }
            told["refresh_token"] = refresh
            told["id_token"] = ".".join((_coded({"alg": "none"}), _coded(claims), "sign"))
            told["client_info"] = _coded({"uid": "person", "utid": "tenant"})
        return told


def _coded(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
