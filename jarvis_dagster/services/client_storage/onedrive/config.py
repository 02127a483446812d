"""Settings of a OneDrive.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["OneDriveConfig"]

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class OneDriveConfig(BaseModel):
    """One OneDrive, personal or of an organisation, or one SharePoint library."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["onedrive"] = Field(description="The provider: OneDrive.")
    client_id: str = Field(
        min_length=1,
        description="The application (client) ID of your app registration: docs/drives/onedrive.md",
    )
    tenant: str = Field(
        default="common",
        pattern=r"^[A-Za-z0-9.\-]+$",
        description="Who may sign in: `consumers` (personal accounts), `organizations`, `common`"
        " (both), or the ID or domain of one organisation.",
    )
    client_secret: SecretStr | None = Field(
        default=None,
        description="The secret of an app that signs in by itself, without a person; keep it in a"
        " file or variable. Empty means that a person signs in with `jarvis drive login`.",
    )
    drive_id: str = Field(
        default="",
        description="The ID of the drive or library; empty means that of `user` or who signed in.",
    )
    user: str = Field(
        default="",
        description="The address of the person whose OneDrive it is, for an app that signs in"
        " by itself.",
    )
    folder: str = Field(
        default="",
        description="The folder that Jarvis may see, as `Hockey/Games`; empty means all.",
    )
    attempts: int = Field(
        default=5,
        ge=1,
        le=20,
        description="How often a call is tried when OneDrive is busy or away.",
    )
    timeout_s: float = Field(
        default=60.0, gt=0, description="How long to wait for an answer, in seconds."
    )
    chunk_kib: int = Field(
        default=10_240,
        ge=320,
        le=61_120,
        multiple_of=320,
        description="The size of the pieces that large files are sent in, in KiB.",
    )
    authority: str = Field(
        default="https://login.microsoftonline.com",
        description="Where people and apps sign in; other for national clouds.",
    )
    api_endpoint: str = Field(
        default="https://graph.microsoft.com/v1.0",
        description="The address of Microsoft Graph; other for national clouds.",
    )

    @field_validator("authority")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        if urlsplit(url).scheme != "https" or not urlsplit(url).hostname:
            raise ValueError("must be an address that begins with https://")
        return url.rstrip("/")

    @field_validator("api_endpoint")
    @classmethod
    def _is_encrypted_or_local(cls, url: str) -> str:
        parts = urlsplit(url)
        local = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if (parts.scheme != "https" and not local) or not parts.hostname:
            raise ValueError("must begin with https:// (http:// only for this machine)")
        return url.rstrip("/")

    @field_validator("folder")
    @classmethod
    def _is_plain_path(cls, path: str) -> str:
        parts = [part for part in path.split("/") if part]
        if {".", ".."} & set(parts):
            raise ValueError("must be a path from the drive's root, without . and ..")
        return "/".join(parts)

    @model_validator(mode="after")
    def _app_knows_its_drive(self) -> OneDriveConfig:
        if self.client_secret is not None and not (self.drive_id or self.user):
            raise ValueError("an app that signs in by itself needs `drive_id` or `user`")
        return self
