"""Settings of an iCloud Drive.

Belongs here: what a person may set. Does not belong here: behaviour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["ICloudDriveConfig"]


class ICloudDriveConfig(BaseModel):
    """One iCloud Drive."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    kind: Literal["icloud"] = Field(description="The provider: iCloud Drive.")
    apple_id: str = Field(min_length=1, description="The address of the Apple account.")
    password: SecretStr | None = Field(
        default=None,
        description="The password of the Apple account, from a file or variable; empty means that"
        " `jarvis drive login` asks for it, which is safer.",
    )
    root: str = Field(
        default="",
        description="The folder of iCloud Drive that Jarvis may see, as `Hockey/Games`; created"
        " when it is missing; empty means all.",
    )
    china_mainland: bool = Field(
        default=False, description="Whether the account belongs to mainland China."
    )
    accept_terms: bool = Field(
        default=False,
        description="Accept new terms of iCloud by itself; otherwise they are accepted on the web.",
    )
    verify_uploads: Literal["content", "size"] = Field(
        default="content",
        description="How a sent file is checked: `content` fetches it back and compares the hash,"
        " which doubles the traffic; `size` trusts the size.",
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often a call is tried when iCloud is busy or away."
    )
    timeout_s: float = Field(
        default=60.0, gt=0, description="How long to wait for an answer, in seconds."
    )
    setup_url: str = Field(
        default="",
        description="The address of the set-up service, as `https://setup.icloud.com/setup/ws/1`;"
        " empty means Apple's.",
    )
    auth_url: str = Field(
        default="",
        description="The address of the sign-in service, as"
        " `https://idmsa.apple.com/appleauth/auth`; empty means Apple's.",
    )
    ca_file: Path | None = Field(
        default=None,
        description="A file of certificates to trust instead of the usual ones, for a proxy that"
        " opens connections, or a server of your own.",
    )

    @field_validator("setup_url", "auth_url")
    @classmethod
    def _is_encrypted(cls, url: str) -> str:
        if url and (urlsplit(url).scheme != "https" or not urlsplit(url).hostname):
            raise ValueError("must be an address that begins with https://")
        return url.rstrip("/")

    @field_validator("root")
    @classmethod
    def _is_path(cls, path: str) -> str:
        parts = [part for part in path.split("/") if part]
        if {".", ".."} & set(parts) or "\0" in path:
            raise ValueError("must be names of folders with / between them")
        return "/".join(parts)
