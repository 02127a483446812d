"""A small OpenID Connect provider on loopback: code flow, PKCE, signed ID tokens.

Belongs here: what a real one does on the way that Jarvis uses, and some lies that it can be told to
tell. Does not belong here: passwords; whoever comes is the person that the test says.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.servers import free_ports

if TYPE_CHECKING:
    from starlette.requests import Request

CLIENT, SECRET = "jarvis", "known-to-both"


class Provider:
    """The provider; ``person`` are the claims of whoever comes."""

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.issuer = f"http://127.0.0.1:{self.port}"
        self.person: dict[str, Any] = {}
        self.lie = ""
        self._key = ECKey.generate_key("P-256", {"kid": "1", "alg": "ES256", "use": "sig"})
        self._codes: dict[str, dict[str, str]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self._about),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/keys", self._keys),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), host="127.0.0.1", port=self.port, log_level="error", ws="none"
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)

    def __enter__(self) -> Provider:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.02)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)

    async def _about(self, _: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["client_id"] == CLIENT
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self._codes[code] = asked
        back = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{back}", 302)

    async def _token(self, request: Request) -> Response:
        form = await self._form(request)
        asked = self._codes.pop(form.get("code", ""), None)  # a code counts once
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        known = request.headers.get("authorization") == f"Basic {basic}"
        proof = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(proof).rstrip(b"=").decode()
        if asked is None or not known or challenge != asked["code_challenge"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        now = int(time.time())
        claims = {
            "iss": "https://another.example" if self.lie == "issuer" else self.issuer,
            "aud": "another" if self.lie == "audience" else CLIENT,
            "sub": "1",
            "iat": now,
            "exp": now - 3600 if self.lie == "expired" else now + 300,
            "nonce": "another" if self.lie == "nonce" else asked["nonce"],
            **self.person,
        }
        key = self._key
        if self.lie == "signature":
            key = ECKey.generate_key("P-256", {"kid": "1", "alg": "ES256"})
        token = jwt.encode({"alg": "ES256", "kid": "1"}, claims, key)
        return JSONResponse({"access_token": "x", "token_type": "Bearer", "id_token": token})

    @staticmethod
    async def _form(request: Request) -> dict[str, str]:
        from urllib.parse import parse_qsl

        return dict(parse_qsl((await request.body()).decode()))
