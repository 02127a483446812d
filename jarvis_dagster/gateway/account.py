"""One's own account: password, sessions and API tokens.

Belongs here: what everybody may do with their own account. Does not belong here: other people's
(``jarvis account``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import AccessDeniedError, BadInputError
from jarvis_dagster.gateway.pages import Pages, Visit
from jarvis_dagster.gateway.signing_in import signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

__all__ = ["pages"]

pages = Pages("account", "Account", "/account", about="Password, sessions, API tokens")


@pages.get("/account")
def show(visit: Visit) -> Response:
    """What there is."""
    return _shown(visit)


@pages.post("/account/password")
def change_password(visit: Visit, form: Mapping[str, str]) -> Response:
    """A new password; every other session and every token ends."""
    security, name = visit.context.security, visit.principal.name
    _require_password(visit, form)
    new = form.get("new", "")
    if new != form.get("again", ""):
        return _shown(visit, wrong="The two new passwords are not the same.", status=400)
    try:
        security.change_account(name, password=new)
    except BadInputError as error:
        return _shown(visit, wrong=f"{error.what} {error.remedy}", status=400)
    answer = signed_in(
        visit.context, visit.request, security.principal_of(name), "/account", how="password"
    )
    visit.request.session["said"] = "Your password is changed; all other sessions are over."
    return answer


@pages.post("/account/sessions/end")
def end_session(visit: Visit, form: Mapping[str, str]) -> Response:
    """End one of one's sessions, or all others."""
    security, name = visit.context.security, visit.principal.name
    session_id = form.get("session", "")
    if session_id == "others":
        security.sessions.end_all(name, but=visit.session.id if visit.session else None)
    elif any(one.id == session_id for one in security.sessions.of(name)):
        security.sessions.end(session_id)
    else:
        raise BadInputError("There is no such session.", "It may be over already.")
    security.audit.add("session.end", allowed=True, object=session_id)
    return visit.redirect("/account", said="It is over.")


@pages.post("/account/tokens")
def create_token(visit: Visit, form: Mapping[str, str]) -> Response:
    """A new token, shown once."""
    _require_password(visit, form)
    days = form.get("days", "90")
    if not days.isdecimal() or not 1 <= int(days) <= 365:
        raise BadInputError("A token is valid for 1 to 365 days.", "Name a number of days.")
    token = visit.context.security.create_token(
        visit.principal.name, form.get("label", "")[:100], int(days)
    )
    return _shown(visit, token=token)


@pages.post("/account/tokens/revoke")
def revoke_token(visit: Visit, form: Mapping[str, str]) -> Response:
    """End one of one's tokens."""
    security, token_id = visit.context.security, form.get("token", "")
    if all(one.id != token_id for one in security.tokens.all(visit.principal.name)):
        raise BadInputError("There is no such token.", "The list has all of yours.")
    security.revoke_token(token_id)
    return visit.redirect("/account", said="The token is revoked.")


def _shown(visit: Visit, *, wrong: str = "", token: str = "", status: int = 200) -> Response:
    security, name = visit.context.security, visit.principal.name
    tokens = [one for one in security.tokens.all(name) if not one.revoked]
    return visit.render(
        "account.html",
        status=status,
        account=security.accounts.get(name),
        sessions=security.sessions.of(name),
        tokens=tokens,
        wrong=wrong,
        token=token,
        has_password=security.accounts.has_password(name),
        least_password=visit.context.settings.security.least_password,
    )


def _require_password(visit: Visit, form: Mapping[str, str]) -> None:
    """Whoever finds an open browser changes nothing that lasts.

    Raises:
        AccessDeniedError: the password is not this one's, or there is no session.
    """
    if visit.session is None:
        raise AccessDeniedError("A token cannot do this.", "Sign in on the page.")
    if visit.context.throttle.wait_s("sign_in", visit.principal.name) is not None:
        raise AccessDeniedError("Too many tries.", "Wait a minute.")
    if visit.context.security.accounts.has_password(visit.principal.name):
        visit.context.security.sign_in(visit.principal.name, form.get("password", ""))
