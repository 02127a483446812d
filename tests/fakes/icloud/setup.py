"""The requests of iCloud's sign-in and set-up services.

Belongs here: each request and its answer. Does not belong here: HTTP
(``server.py``), what an account knows (``account.py``).
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from tests.fakes.icloud.drivews import RefusedError, need

if TYPE_CHECKING:
    from tests.fakes.icloud.account import Account
    from tests.fakes.icloud.tree import Tree

__all__ = ["Answer", "SetupService"]

DSID = "1234567890"


@dataclasses.dataclass
class Answer:
    """A status, a JSON value (or bytes), headers and cookies."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    cookies: dict[str, str] = dataclasses.field(default_factory=dict)


class SetupService:
    """``/appleauth/auth``, ``/setup/ws/1`` and the account's storage."""

    def __init__(self, account: Account, tree: Tree, base_url: str) -> None:
        self._account = account
        self._tree = tree
        self._base_url = base_url

    def sign_in(self, method: str, route: str, headers: Any, body: Any) -> Answer:
        """A request below ``/appleauth/auth``."""
        account, call = self._account, (method, route)
        session = headers.get("X-Apple-ID-Session-Id", "")
        if call == ("GET", "authorize/signin"):
            return Answer(body={}, headers={"scnt": "scnt-1"})
        if call == ("POST", "signin/init"):
            need(body, {"a", "accountName", "protocols"})
            return Answer(body=account.challenge(body["accountName"], body["a"]))
        if call == ("POST", "signin/complete"):
            return self._complete(body)
        if call == ("GET", ""):
            return Answer(body=account.options())
        if call == ("PUT", "verify/phone") and account.second == "sms":
            need(body, {"phoneNumber", "mode"})
            account.codes += 1
            return Answer(body={})
        if call == ("POST", "verify/phone/securitycode") and account.second == "sms":
            code = need(body, {"phoneNumber", "securityCode", "mode"})["securityCode"]["code"]
            if not account.enter(session, code):
                return _refused(400, -21669, "Incorrect verification code.")
            return Answer(body={}, headers={"X-Apple-Session-Token": session})
        if call == ("POST", "verify/trusteddevice/securitycode") and account.second == "device":
            code = need(body, {"securityCode"})["securityCode"]["code"]
            if not account.enter(session, code):
                return _refused(400, -21669, "Incorrect verification code.")
            # Apple accepts it and answers as if it had not.
            return Answer(409, {"authType": "hsa2", "securityCode": {"valid": True}})
        if call == ("GET", "2sv/trust"):
            token = account.trust(session)
            if token is None:
                return _refused(401, -20101, "Not verified.")
            headers = {"X-Apple-TwoSV-Trust-Token": token, "X-Apple-Session-Token": session}
            return Answer(204, headers=headers)
        raise RefusedError(f"{method} {route} is no request of the sign-in")

    def set_up(self, method: str, route: str, cookie: str, body: Any) -> Answer:
        """A request below ``/setup/ws/1``."""
        account, call = self._account, (method, route)
        if call == ("POST", "accountLogin"):
            return self._enter(body)
        if call == ("POST", "validate"):
            if not account.is_open(cookie):
                return expired()
            return Answer(body=self._about(cookie))
        if not account.is_open(cookie):
            return expired()
        if call == ("POST", "requestWebAccessState"):
            return Answer(
                body={"isICDRSDisabled": account.advanced, "isDeviceConsentedForPCS": True}
            )
        if call == ("POST", "requestPCS"):
            need(body, {"appName", "derivedFromUserAction"})
            return Answer(body={"status": "failure", "message": "Unknown device."})
        if call == ("GET", "getTerms"):
            return Answer(body={"iCloudTerms": {"version": 7}})
        if call == ("GET", "repairDone"):
            account.terms = False
            return Answer(body={"success": True})
        raise RefusedError(f"{method} {route} is no request of the set-up")

    def storage(self) -> Answer:
        """How much of the account's storage is in use."""
        total = self._tree.total_bytes
        usage = {
            "compStorageInBytes": 0,
            "usedStorageInBytes": self._tree.used_bytes(),
            "totalStorageInBytes": total,
            "commerceStorageInBytes": 0,
        }
        return Answer(
            body={
                "storageUsageByMedia": [],
                "storageUsageInfo": usage,
                "quotaStatus": {"overQuota": False, "haveMaxQuotaTier": False},
            }
        )

    def _complete(self, body: Any) -> Answer:
        need(body, {"accountName", "c", "m1", "m2", "rememberMe", "trustTokens"})
        if self._account.locked:
            return _refused(403, -20209, "Locked.")
        proof = self._account.prove(body)
        if proof is None:
            return _refused(401, -20101, "Your Apple Account or password is incorrect.")
        token, needs_code = proof
        headers = {
            "X-Apple-Session-Token": token,
            "X-Apple-ID-Session-Id": token,
            "X-Apple-ID-Account-Country": "FIN",
            "scnt": "scnt-2",
        }
        return Answer(409 if needs_code else 200, {"authType": "hsa2"}, headers)

    def _enter(self, body: Any) -> Answer:
        need(body, {"accountCountryCode", "dsWebAuthToken", "extended_login", "trustToken"})
        cookie = self._account.enter_web(body["dsWebAuthToken"], body["trustToken"])
        if cookie is None:
            return expired()
        cookies = {
            "X-APPLE-WEBAUTH-TOKEN": cookie,
            "X-APPLE-WEBAUTH-VALIDATE": f"v=1:t={cookie[:8]}:s=1",
        }
        return Answer(body=self._about(cookie), cookies=cookies)

    def _about(self, cookie: str) -> dict[str, Any]:
        services = {} if not self._account.web_access else {"drivews": {}, "docws": {}}
        services = {name: {"url": f"{self._base_url}/{name}"} for name in services}
        trusted = self._account.is_trusted(cookie)
        return {
            "dsInfo": {"dsid": DSID, "hsaVersion": 2, "languageCode": "en-us"},
            "hsaTrustedBrowser": trusted,
            "hsaChallengeRequired": not trusted,
            "termsUpdateNeeded": self._account.terms,
            "webservices": services | {"account": {"url": f"{self._base_url}/account"}},
        }


def expired() -> Answer:
    """What every service says when the cookie is no longer good."""
    return Answer(421, {"success": False, "reason": "Missing X-APPLE-WEBAUTH-TOKEN cookie"})


def _refused(status: int, code: int, message: str) -> Answer:
    error = {"code": code, "message": message}
    return Answer(status, {"serviceErrors": [error], "hasError": True})


def parse(body: bytes) -> Any:
    """JSON, or None for an empty body."""
    try:
        return json.loads(body) if body else None
    except ValueError as error:
        raise RefusedError("the body is not JSON") from error
