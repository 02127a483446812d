"""Settings of the gateway.

Belongs here: what a person may set. Does not belong here: behaviour; how long sessions last and
who may do what (``security.*``); the ports of the embedded programs (``stack.ports.*``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["GatewayConfig", "OidcConfig", "Upstreams"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Upstreams(_Model):
    """Where the pages of other programs are; one that is empty is not there."""

    dagster: str | None = Field(None, description="Dagster's webserver that may change things.")
    dagster_viewer: str | None = Field(None, description="Dagster's `--read-only` webserver.")
    mlflow: str | None = Field(None, description="MLflow.")
    temporal: str | None = Field(None, description="Temporal's page.")
    grafana: str | None = Field(None, description="Grafana.")
    prometheus: str | None = Field(None, description="Prometheus.")
    alertmanager: str | None = Field(None, description="Alertmanager.")
    login: str | None = Field(None, description="Jarvis' own pages and the login.")

    @field_validator("*")
    @classmethod
    def _an_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme != "http" or not parts.hostname or parts.path not in ("", "/"):
            raise ValueError(f"{value!r} is not http://HOST:PORT")
        return f"http://{parts.netloc}"


class OidcConfig(_Model):
    """Signing in with an account of somebody else's: an OpenID Connect provider."""

    issuer: str = Field(description="The provider's address, as in https://login.example.org.")
    client_id: str = Field(description="What the provider calls Jarvis.")
    client_secret: SecretStr = Field(description="The secret that it gave Jarvis.")
    label: str = Field("single sign-on", description="What the button says: Sign in with ….")
    scopes: tuple[str, ...] = Field(
        ("openid", "email", "profile"), description="What the provider is asked to tell."
    )
    name_claim: str = Field(
        "email",
        description="What of a person the account is named by; `email` counts only when verified.",
    )
    role_claim: str | None = Field(
        None, description="What of a person tells the role, by `roles`, at every login."
    )
    roles: dict[str, str] = Field(
        default_factory=dict, description="The role of those who have this value in `role_claim`."
    )
    team_claim: str | None = Field(
        None, description="What of a person names the teams, at every login; empty: as set here."
    )
    new_accounts: bool = Field(
        False, description="Whether those who have no account get one, with a role of `roles`."
    )


class GatewayConfig(_Model):
    """The gateway: the address with a login in front of every web page."""

    url: str | None = Field(
        None,
        description="Address that people type, as in `https://jarvis.example.org`; empty means"
        " `http://127.0.0.1:PORT` with `stack.ports.gateway`. https is served with `certificate`,"
        " or without one with a certificate of the gateway's own authority.",
    )
    listen: str = Field("127.0.0.1", description="Network address that it listens on.")
    certificate: Path | None = Field(None, description="PEM file of the certificate for https.")
    certificate_key: Path | None = Field(None, description="PEM file of its key.")
    insecure_http: bool = Field(
        False,
        description="Whether passwords may cross the network unencrypted: a `url` with http that"
        " is not this machine's own. Only behind another proxy that has https.",
    )
    upstreams: Upstreams | None = Field(
        None, description="Where the pages are; empty means those of the embedded stack."
    )
    largest_request_mb: float = Field(
        10, gt=0, description="Largest request that the pages take, in MB."
    )
    largest_upload_mb: float = Field(
        4096, gt=0, description="Largest artifact that MLflow takes, in MB."
    )
    upload_minutes: float = Field(
        60, gt=0, description="Minutes that a request may take to arrive whole."
    )
    stream_minutes: float = Field(
        5,
        gt=0,
        description="Minutes after which a live connection of a page is closed, and has to show"
        " that its session still goes on when it comes back.",
    )
    sign_ins_per_minute: int = Field(
        10, ge=1, description="Most tries to sign in from one network address in a minute."
    )
    refusals_per_minute: int = Field(
        120,
        ge=1,
        description="Most requests of one network address in a minute that are refused one by one;"
        " then all without a valid session or token are.",
    )
    requests_per_minute: int = Field(
        6000, ge=1, description="Most requests of one account in a minute."
    )
    oidc: OidcConfig | None = Field(
        None, description="Sign in with another provider's accounts too; empty means not."
    )

    @field_validator("url")
    @classmethod
    def _an_origin(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{value!r} is not http://NAME or https://NAME")
        if parts.path not in ("", "/") or parts.query or parts.username:
            raise ValueError(f"{value!r} must be a scheme, a name and a port, and nothing more")
        return f"{parts.scheme}://{parts.netloc}".lower()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.certificate is None) != (self.certificate_key is None):
            raise ValueError("certificate and certificate_key go together")
        if self.certificate is not None and self.scheme != "https":
            raise ValueError("a certificate needs a url that begins with https://")
        if self.scheme == "http" and not self._is_here and not self.insecure_http:
            raise ValueError(
                "a url with http lets passwords cross the network unencrypted: use https, or set"
                " insecure_http behind another proxy that has it"
            )
        return self

    @property
    def scheme(self) -> Literal["http", "https"]:
        """How it is spoken to."""
        return "https" if self.url is not None and self.url.startswith("https://") else "http"

    @property
    def _is_here(self) -> bool:
        host = urlsplit(self.url).hostname if self.url else None
        named_here = host is None or host in ("127.0.0.1", "::1", "localhost")
        return named_here and self.listen in ("127.0.0.1", "::1", "localhost")
