"""Settings of the object store.

Belongs here: what a person may set. Does not belong here: clients, behaviour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["EncryptionConfig", "RetentionConfig", "StorageConfig"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EncryptionConfig(_Section):
    """Which key encrypts what is stored; see docs/storage.md."""

    source: Literal["environment", "file", "kms", "off"] = Field(
        default="environment",
        description="Where the key is: `environment` encrypts if the variable is set.",
    )
    variable: str = Field(
        default="JARVIS_STORAGE_KEYS",
        description="Environment variable with the keys: the first encrypts, all decrypt.",
    )
    file: Path | None = Field(
        default=None, description="File with the keys, a line each, for source `file`."
    )
    kms_key: str | None = Field(
        default=None, description="Key of an AWS KMS (id, ARN or alias), for source `kms`."
    )
    kms_endpoint: str | None = Field(
        default=None, description="URL of the KMS; empty means that of AWS."
    )
    kms_region: str | None = Field(
        default=None, description="Region of the KMS; empty means boto3's own setting."
    )
    required: bool = Field(
        default=False, description="Whether to refuse to store anything without encryption."
    )

    @model_validator(mode="after")
    def _source_is_named(self) -> EncryptionConfig:
        if self.source == "file" and self.file is None:
            raise ValueError("source is `file`, so `file` must name one")
        if self.source == "kms" and not self.kms_key:
            raise ValueError("source is `kms`, so `kms_key` must name a key")
        if self.source == "off" and self.required:
            raise ValueError("encryption cannot be required and off")
        return self


class RetentionConfig(_Section):
    """How long things are kept before `jarvis storage prune` moves them to the trash."""

    artifacts_days: float | None = Field(
        default=30, gt=0, description="Days that artifacts are kept; empty means for ever."
    )
    models_days: float | None = Field(
        default=365, gt=0, description="Days that models are kept; empty means for ever."
    )
    datasets_days: float | None = Field(
        default=183, gt=0, description="Days that data sets are kept; empty means for ever."
    )
    logs_days: float | None = Field(
        default=7, gt=0, description="Days that logs are kept; empty means for ever."
    )
    reports_days: float | None = Field(
        default=365, gt=0, description="Days that reports are kept; empty means for ever."
    )
    grace_days: float = Field(
        default=7, ge=0, description="Days that what was deleted can be restored."
    )
    orphan_hours: float = Field(
        default=24,
        gt=0,
        description="Hours after which leftovers of writes that never finished are removed.",
    )


class StorageConfig(_Section):
    """Where the object store is and how to reach it."""

    endpoint: str = Field(
        default="127.0.0.1:8333", description="Host and port of the S3 server, without a scheme."
    )
    secure: bool = Field(default=False, description="Whether to speak TLS to the S3 server.")
    ca_file: Path | None = Field(
        default=None,
        description="PEM file of the authority that signed the server's certificate; "
        "empty means the well-known ones.",
    )
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
    part_mb: int = Field(
        default=8,
        ge=5,
        le=512,
        description="Files above this size (MiB) go in parts of it, and resume after a crash.",
    )
    spool_dir: Path | None = Field(
        default=None,
        description="Folder for large files while they are encoded; empty: the system's.",
    )
    compression: bool = Field(
        default=True, description="Whether content that shrinks is compressed (zstd)."
    )
    conditional_writes: Literal["auto", "off"] = Field(
        default="auto",
        description="`off` for a server that ignores If-Match and If-None-Match; see docs.",
    )
    encryption: EncryptionConfig = Field(
        default=EncryptionConfig(), description="Encryption of what is stored."
    )
    retention: RetentionConfig = Field(
        default=RetentionConfig(), description="How long things are kept."
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
