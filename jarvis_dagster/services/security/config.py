"""Settings of security.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

__all__ = ["SecurityConfig"]


class SecurityConfig(BaseModel):
    """Accounts, rights and the audit log."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    directory: Path | None = Field(
        None, description="Folder of accounts and audit log; empty means the data directory."
    )
    database: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the accounts, as in `postgresql+psycopg2://...`; empty means"
        " a file in the folder.",
    )
    drive_teams: dict[str, str] = Field(
        default_factory=dict, description="Team that a drive of `client_storage.drives` is of."
    )
    service_accounts: bool = Field(
        False,
        description="Whether assets and workflows have only the rights of the component that they"
        " are of; else all, as whoever runs Jarvis has.",
    )
    policy: Path | None = Field(
        None, description="CSV of rights in place of the packaged one (docs/security.md)."
    )
    token_days: int = Field(90, ge=1, le=3650, description="Days that a new API token is valid.")
    least_password: int = Field(
        12, ge=8, le=128, description="Least number of characters of a password."
    )
    failures_until_wait: int = Field(
        5, ge=1, description="Wrong passwords in a row after which an account has to wait."
    )
    wait_s: float = Field(
        30, gt=0, description="Seconds to wait then; doubles with each further wrong password."
    )
    longest_wait_s: float = Field(3600, gt=0, description="Most seconds to wait.")
    session_hours: float = Field(
        12, gt=0, le=720, description="Hours after which one has to sign in again on the web pages."
    )
    idle_minutes: float = Field(
        120, gt=0, le=43_200, description="Minutes without use after which a session ends."
    )
