"""Signing in to iCloud: once by a person with a code, afterwards by the session.

Belongs here: passwords, codes, trust, and how often any of them is tried. Does
not belong here: the session's files (``session.py``), calls (``client.py``).

A password is only tried when there is no other way, once: an account that sees
many sign-ins is throttled and then locked, and every one of them makes Apple
send a code to the person's devices.
"""

from __future__ import annotations

import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import JarvisError, NotSupportedError, PermanentError, TransientError
from jarvis_dagster.services.client_storage.icloud.faults import (
    SessionExpiredError,
    SignInRefusedError,
    icloud_errors,
)
from jarvis_dagster.services.client_storage.icloud.session import (
    make_private,
    open_account,
    outage,
)
from jarvis_dagster.services.files import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig

__all__ = ["resume", "sign_in", "stored_password"]

_LOG = logging.getLogger(__name__)
_CODES = 3
_PAUSE_S = 900.0
_SIGNING_IN = "signing in"


def stored_password(config: ICloudDriveConfig) -> str | None:
    """The password of the settings, or of the machine's key ring; None where neither has it."""
    if config.password is not None:
        return config.password.get_secret_value()
    try:
        from pyicloud.utils import get_password_from_keyring

        return get_password_from_keyring(config.apple_id)
    except Exception as error:  # noqa: BLE001 - a key ring is somebody else's program
        _LOG.debug("There is no usable key ring (%s).", type(error).__name__)
        return None


def sign_in(
    config: ICloudDriveConfig,
    state_dir: Path,
    *,
    password: str | Callable[[], str] | None = None,
    ask_code: Callable[[str], str],
) -> None:
    """Sign in as a person does, and leave a trusted session in ``state_dir``.

    A session that is still good is kept, and nobody is asked anything.

    Args:
        password: The password, or what asks for it when it is needed; None takes the one
            of the settings or the key ring. It is not kept.
        ask_code: Asks the person for the code; it is given the text to ask with.

    Raises:
        PermanentError: the password or code is wrong, or the account cannot be used so.
        TransientError: Apple is away or asks to wait; no other sign-in should be tried soon.
    """
    if _resumed(config, state_dir) is not None:
        return
    known = (password() if callable(password) else password) or stored_password(config)
    if known is None:
        raise PermanentError(
            f"The password of {config.apple_id} is needed.", "Give it when you are asked."
        )
    account = open_account(config, state_dir, password=known, is_new=True)
    _authenticate(account)
    if account.requires_2fa:
        _verify(account, ask_code)
    elif account.requires_2sa:
        raise NotSupportedError(
            "The account has two-step verification, which Apple has replaced.",
            "Turn on two-factor authentication in the settings of an Apple device.",
        )
    if not account.is_trusted_session:
        raise PermanentError("Apple does not trust this machine.", "Sign in again.")
    _Pause(state_dir).clear()


def resume(config: ICloudDriveConfig, state_dir: Path) -> Any:
    """A signed-in ``PyiCloudService`` without a person, from the session that is there.

    A password that the settings or key ring have is tried where the session
    alone is not enough, but not again after Apple has refused it or asked for a
    code, until somebody has signed in.

    Raises:
        PermanentError: somebody has to sign in; it says how.
        TransientError: Apple is away.
    """
    account = _resumed(config, state_dir)
    if account is not None:
        return account
    pause = _Pause(state_dir)
    left_s = pause.left_s()
    password = stored_password(config) if left_s <= 0 else None
    if 0 < left_s < math.inf:
        raise _busy(left_s)
    if password is None:
        raise _login_needed(config, state_dir)
    account = open_account(config, state_dir, password=password)
    try:
        _authenticate(account)
    except TransientError:
        pause.begin(_PAUSE_S)
        raise _busy(_PAUSE_S) from None
    except PermanentError as error:
        pause.begin(math.inf)
        raise _login_needed(config, state_dir, error) from None
    if not account.is_trusted_session:
        pause.begin(math.inf)
        raise _login_needed(config, state_dir)
    return account


def _resumed(config: ICloudDriveConfig, state_dir: Path) -> Any:
    """The account by what is in ``state_dir`` alone; None where that is not enough."""
    account = open_account(config, state_dir)
    if not account.session.data.get("session_token"):
        return None
    try:
        _authenticate(account)
    except (SessionExpiredError, SignInRefusedError):
        return None
    return account if account.is_trusted_session else None


def _authenticate(account: Any) -> None:
    """Let pyicloud try the session, the trust token and the password, in this order.

    It calls an outage a wrong password; the session knows better.
    """
    try:
        with icloud_errors(_SIGNING_IN):
            account.authenticate()
    except SignInRefusedError:
        away = outage(account)
        if away is None:
            raise
        raise away from None


def _verify(account: Any, ask_code: Callable[[str], str]) -> None:
    """Give Apple a code that the person reads off a device, and have this machine trusted."""
    how = account.two_factor_delivery_method
    if how == "security_key":
        raise NotSupportedError(
            "The account is protected with a security key.",
            "Sign in with an account that has codes as its second factor.",
        )
    where = "sent to your phone" if how == "sms" else "shown on your Apple devices"
    for left in reversed(range(_CODES)):
        code = "".join(filter(str.isdigit, ask_code(f"The code that was {where}:")))
        with icloud_errors(_SIGNING_IN):
            accepted = bool(code) and account.validate_2fa_code(code)
        if accepted or account.is_trusted_session:
            return
        if code and (away := outage(account)) is not None:
            raise away
        _LOG.info("Apple did not accept the code; %d more may be tried.", left)
    raise PermanentError("Apple did not accept the code.", "Sign in again for a new one.")


def _busy(seconds: float) -> TransientError:
    return TransientError(
        "Apple's sign-in is busy or away.",
        "Wait a quarter of an hour; many tries lock an account.",
        retry_after_s=seconds,
    )


def _login_needed(
    config: ICloudDriveConfig, state_dir: Path, why: JarvisError | None = None
) -> PermanentError:
    what = f"Nobody is signed in to iCloud as {config.apple_id} any more."
    return PermanentError(
        what if why is None else f"{what} {why}",
        f"Sign in with `jarvis drive login {state_dir.name}`.",
    )


class _Pause:
    """For how long the password is not tried by itself; remembered for all processes."""

    def __init__(self, state_dir: Path) -> None:
        make_private(state_dir)
        self._path = state_dir / "password-pause.json"

    def begin(self, seconds: float) -> None:
        """Pause for some time; infinity is until somebody has signed in."""
        with atomic_path(self._path) as partial:
            partial.write_text(json.dumps({"until": time.time() + seconds}), "utf-8")

    def left_s(self) -> float:
        """How many seconds the password must not be tried any more; 0 or less is none."""
        try:
            return float(json.loads(self._path.read_text("utf-8"))["until"]) - time.time()
        except FileNotFoundError:
            return 0.0
        except (OSError, ValueError, LookupError, TypeError):
            return math.inf  # damaged: rather ask a person than Apple

    def clear(self) -> None:
        """The password may be tried again."""
        self._path.unlink(missing_ok=True)
