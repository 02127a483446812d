"""Settings of a Google Drive.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

__all__ = ["GoogleDriveConfig", "is_loopback"]


class GoogleDriveConfig(BaseModel):
    """One Google Drive, or one shared drive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["google"] = Field(description="The provider: Google Drive.")
    credentials_file: Path | None = Field(
        default=None,
        description="The JSON file from the Google Cloud console: the key of a service account, the"
        " client secrets of an app that people sign in with (`jarvis drive login NAME`), or an"
        " authorized user.",
    )
    subject: str = Field(
        default="",
        description="The user that a service account acts for, by domain-wide delegation; empty"
        " means the service account itself.",
    )
    access: Literal["full", "read_only", "app_files"] = Field(
        default="full",
        description="What is asked for: everything, reading only, or only the files that Jarvis"
        " makes itself (nothing that people upload is seen then).",
    )
    drive_id: str = Field(
        default="", description="The id of a shared drive; empty means My Drive of the account."
    )
    root_folder_id: str = Field(
        default="",
        description="The id of the folder that is the drive's root; nothing outside of it is seen"
        " or changed. Empty means all of My Drive, or of the shared drive.",
    )
    api_endpoint: str = Field(
        default="",
        description="The address that every request goes to, for a proxy or a local server; empty"
        " means Google. Without encryption (`http`) only on this machine.",
    )
    token_endpoint: str = Field(
        default="",
        description="The address that access tokens come from; empty means the one that the"
        " credentials file names.",
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often a request is tried that fails for a moment."
    )
    timeout_s: float = Field(
        default=60.0, gt=0, description="Seconds without an answer before a request has failed."
    )
    chunk_kib: int = Field(
        default=8192,
        ge=256,
        multiple_of=256,
        description="KiB that are sent or fetched in one request, a multiple of 256; also about the"
        " memory that a transfer takes.",
    )

    @field_validator("credentials_file")
    @classmethod
    def _at_home(cls, path: Path | None) -> Path | None:
        return path.expanduser() if path is not None else None

    @field_validator("api_endpoint", "token_endpoint")
    @classmethod
    def _encrypted(cls, address: str) -> str:
        parts = urlsplit(address)
        local = parts.scheme == "http" and is_loopback(address)
        if address and not local and not (parts.scheme == "https" and parts.hostname):
            raise ValueError("must be https, or http on this machine")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must have no user, query or fragment")
        return address

    @model_validator(mode="after")
    def _has_credentials(self) -> GoogleDriveConfig:
        if self.credentials_file is None and not is_loopback(self.api_endpoint):
            raise ValueError("credentials_file is missing; only a local server needs none")
        return self


def is_loopback(address: str) -> bool:
    """Whether an address is one of this machine."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
