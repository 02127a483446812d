"""Settings of the object store.

Belongs here: what a person may set. Does not belong here: clients, behaviour.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

__all__ = ["StorageConfig"]


class StorageConfig(BaseModel):
    """Where the object store is and how to reach it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    endpoint: str = Field(
        default="127.0.0.1:8333", description="Host and port of the S3 server, without a scheme."
    )
    secure: bool = Field(default=False, description="Whether to speak TLS to the S3 server.")
    access_key: str = Field(default="jarvis", description="The S3 access key (user name).")
    secret_key: SecretStr = Field(description="The S3 secret key. Keep it in a file or variable.")
    region: str = Field(default="us-east-1", description="The S3 region; MinIO uses us-east-1.")
    artifacts_bucket: str = Field(
        default="jarvis-artifacts", description="Bucket of artifacts, tables, videos and reports."
    )
    models_bucket: str = Field(default="jarvis-models", description="Bucket of models.")
    datasets_bucket: str = Field(default="jarvis-datasets", description="Bucket of data sets.")
    logs_bucket: str = Field(default="jarvis-logs", description="Bucket of logs.")
    connect_timeout_s: float = Field(
        default=5.0, gt=0, description="Seconds to wait for a connection."
    )
    read_timeout_s: float = Field(
        default=60.0, gt=0, description="Seconds to wait for the next bytes of an answer."
    )
    attempts: int = Field(
        default=5, ge=1, le=20, description="How often a call is tried when the server is away."
    )

    @field_validator("endpoint")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        if "://" in value or "/" in value or not value.strip():
            raise ValueError("must be host:port, without scheme and path (use `secure` for TLS)")
        return value

    @property
    def buckets(self) -> tuple[str, ...]:
        """The four buckets."""
        return (
            self.artifacts_bucket,
            self.models_bucket,
            self.datasets_bucket,
            self.logs_bucket,
        )
