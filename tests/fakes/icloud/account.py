"""Signing in to the local iCloud.

Belongs here: the password, codes, trusted browsers and sessions of one account.
Does not belong here: HTTP (``server.py``), what is in the drive.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import secrets
from typing import Any

import srp
from srp import _pysrp

__all__ = ["Account"]

_ITERATIONS = 50
_SALT = b"0123456789abcdef"


@dataclasses.dataclass
class Account:
    """One Apple account.

    Attributes:
        second: How its second factor is given: a code by ``sms`` or on a ``device``,
            a ``key``, or none.
        terms: Whether new terms wait to be accepted.
        web_access: Whether the person lets web browsers see their data.
        advanced: Whether Advanced Data Protection is on: a device has to agree first.
        codes: How often a code was sent.
        passwords: How often a password was tried.
    """

    apple_id: str = "coach@example.org"
    password: str = "correct horse"
    code: str = "123456"
    second: str = "sms"
    terms: bool = False
    web_access: bool = True
    advanced: bool = False
    locked: bool = False
    codes: int = 0
    passwords: int = 0

    def __post_init__(self) -> None:
        self._verifiers: dict[str, Any] = {}
        self._verified: set[str] = set()  # session tokens that a code was given for
        self._session_tokens: set[str] = set()
        self._trust_tokens: set[str] = set()
        self._cookies: dict[str, bool] = {}  # whether its session is trusted

    def challenge(self, name: str, a: str) -> dict[str, Any]:
        """The server's half of SRP-6a, for whoever asks."""
        srp.rfc5054_enable()
        srp.no_username_in_x()
        digest = hashlib.sha256(self.password.encode()).digest()
        hashed = hashlib.pbkdf2_hmac("sha256", digest, _SALT, _ITERATIONS, 32)
        x = hashlib.sha256(_SALT + hashlib.sha256(b":" + hashed).digest()).digest()
        n, g = _pysrp.get_ng(srp.NG_2048, None, None)
        v = pow(g, int.from_bytes(x, "big"), n)
        verifier = srp.Verifier(
            name,
            _SALT,
            v.to_bytes(256, "big"),
            base64.b64decode(a),
            hash_alg=srp.SHA256,
            ng_type=srp.NG_2048,
        )
        _, b = verifier.get_challenge()
        key = secrets.token_hex(8)
        self._verifiers[key] = verifier
        return {
            "iteration": _ITERATIONS,
            "salt": base64.b64encode(_SALT).decode(),
            "protocol": "s2k",
            "b": base64.b64encode(b).decode(),
            "c": key,
        }

    def prove(self, body: dict[str, Any]) -> tuple[str, bool] | None:
        """A session token, and whether a code is needed; None for a wrong password."""
        self.passwords += 1
        verifier = self._verifiers.pop(body["c"])
        proof = verifier.verify_session(base64.b64decode(body["m1"]))
        if proof is None or body["accountName"] != self.apple_id:
            return None
        assert base64.b64encode(proof).decode() == body["m2"]
        token = secrets.token_hex(16)
        self._session_tokens.add(token)
        trusted = bool(self._trust_tokens & set(body["trustTokens"]))
        if trusted or not self.second:
            self._verified.add(token)
        return token, not trusted and bool(self.second)

    def options(self) -> dict[str, Any]:
        """How the second factor can be given."""
        if self.second == "key":
            challenge = {"challenge": "AAAA", "keyHandles": ["AAAA"], "rpId": "apple.com"}
            return {"fsaChallenge": challenge, "keyNames": ["A key"]}
        if self.second == "device":
            self.codes += 1  # the devices show it by themselves
            return {"authenticationType": "hsa2", "hasTrustedDevices": True}
        phone = {"id": 1, "numberWithDialCode": "•• 12", "pushMode": "sms", "nonFTEU": False}
        known = {"trustedPhoneNumber": phone, "trustedPhoneNumbers": [phone]}
        return {"authenticationType": "hsa2", "phoneNumberVerification": known} | known

    def enter(self, session_token: str, code: str) -> bool:
        """A code for a session."""
        if session_token not in self._session_tokens or code != self.code:
            return False
        self._verified.add(session_token)
        return True

    def trust(self, session_token: str) -> str | None:
        """A token that says that this browser needs no code from now on."""
        if session_token not in self._verified:
            return None
        token = secrets.token_hex(16)
        self._trust_tokens.add(token)
        return token

    def enter_web(self, session_token: str, trust_token: str) -> str | None:
        """A cookie for the services; None if the session is not known."""
        if session_token not in self._session_tokens:
            return None
        cookie = secrets.token_hex(16)
        self._cookies[cookie] = trust_token in self._trust_tokens or not self.second
        return cookie

    def is_open(self, cookie: str) -> bool:
        """Whether a cookie is good for the services."""
        return cookie in self._cookies

    def is_trusted(self, cookie: str) -> bool:
        """Whether the session of a cookie is that of a trusted browser."""
        return self._cookies.get(cookie, False)

    def expire_cookies(self) -> None:
        """As after some weeks: the browser has to enter again."""
        self._cookies.clear()

    def expire_sessions(self) -> None:
        """As after some more weeks: the password is needed; the browser is still trusted."""
        self._cookies.clear()
        self._session_tokens.clear()
        self._verified.clear()

    def forget(self) -> None:
        """As after a change of the password: everything is needed again."""
        self.expire_sessions()
        self._trust_tokens.clear()
