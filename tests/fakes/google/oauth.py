"""Access tokens.

Belongs here: the token endpoint, the page where a person says yes, and which
tokens are good. Does not belong here: what they are good for.
"""

from __future__ import annotations

import base64
import functools
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.fakes.google.errors import ApiError

__all__ = ["OAuth"]

_SCOPES = {f"https://www.googleapis.com/auth/drive{part}" for part in ("", ".readonly", ".file")}


@functools.cache
def _key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class OAuth:
    """One service account, one app, and the people who signed in to it."""

    client_id = "app.apps.example"

    def __init__(self) -> None:
        self.key = _key()
        self.client_secret = secrets.token_hex(16)
        self.refresh_tokens: set[str] = set()
        self.access_tokens: set[str] = set()
        self.codes: set[str] = set()
        self.subjects: list[str] = []
        self.issued = 0
        self.address = ""

    def service_account(self) -> dict[str, Any]:
        """The content of a key file."""
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "robot@project.example",
            "client_id": "1",
            "token_uri": f"{self.address}/token",
        }

    def client_secrets(self) -> dict[str, Any]:
        """The content of a client secrets file."""
        return {
            "installed": {
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "auth_uri": f"{self.address}/o/oauth2/auth",
                "token_uri": f"{self.address}/token",
                "redirect_uris": ["http://localhost"],
            }
        }

    def authorized_user(self) -> dict[str, Any]:
        """What is kept of a person who signed in."""
        token = secrets.token_hex(16)
        self.refresh_tokens.add(token)
        return {
            "type": "authorized_user",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": token,
            "token_uri": f"{self.address}/token",
        }

    def consent(self, query: dict[str, str]) -> str:
        """A person says yes; where their browser goes."""
        if query.get("client_id") != self.client_id or query.get("response_type") != "code":
            raise ApiError(400, "invalid_request")
        if not set(query.get("scope", "").split()) <= _SCOPES:
            raise ApiError(400, "invalid_scope")
        code = secrets.token_hex(8)
        self.codes.add(code)
        answer = {"code": code, "state": query["state"], "scope": query["scope"]}
        return f"{query['redirect_uri']}?{urlencode(answer)}"

    def token(self, form: dict[str, str], authorization: str | None) -> dict[str, Any]:
        """An access token for a signed request, a refresh token or a code.

        An app names itself in the form or, as the OAuth library does, in the header.
        """
        grant, answer = form.get("grant_type"), {}
        if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
            self._check_assertion(form["assertion"])
        else:
            known = form.get("client_id"), form.get("client_secret")
            if authorization is not None:
                known = tuple(_decoded(authorization.removeprefix("Basic ")).decode().split(":"))
            if known != (self.client_id, self.client_secret):
                raise ApiError(401, "invalid_client")
            if grant == "refresh_token":
                if form.get("refresh_token") not in self.refresh_tokens:
                    raise ApiError(400, "invalid_grant", "Token has been expired or revoked.")
            elif grant == "authorization_code" and form.get("code") in self.codes:
                self.codes.discard(form["code"])
                answer["refresh_token"] = secrets.token_hex(16)
                answer["scope"] = "https://www.googleapis.com/auth/drive"
                self.refresh_tokens.add(answer["refresh_token"])
            else:
                raise ApiError(400, "invalid_grant")
        token = f"ya29.{secrets.token_hex(16)}"
        self.access_tokens.add(token)
        self.issued += 1
        return {"access_token": token, "expires_in": 3599, "token_type": "Bearer", **answer}

    def check(self, authorization: str | None) -> None:
        """Refuse a request without a good token."""
        token = (authorization or "").removeprefix("Bearer ")
        if token not in self.access_tokens:
            challenge = 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
            headers = {"WWW-Authenticate": challenge}
            raise ApiError(401, "authError", "Invalid Credentials", headers=headers)

    def _check_assertion(self, assertion: str) -> None:
        signed, _, signature = assertion.rpartition(".")
        try:
            self.key.public_key().verify(
                _decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature as error:
            raise ApiError(400, "invalid_grant", "Invalid JWT Signature.") from error
        claims = json.loads(_decoded(signed.split(".")[1]))
        if claims["exp"] < time.time() or not set(claims["scope"].split()) <= _SCOPES:
            raise ApiError(400, "invalid_grant", "Invalid JWT")
        self.subjects.append(claims.get("sub", claims["iss"]))


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
