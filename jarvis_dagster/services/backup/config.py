"""Settings of backups.

Belongs here: what a person may set. Does not belong here: doing it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

__all__ = ["BackupConfig", "BackupS3Config", "PostgresConfig", "RetentionConfig"]


_CRON = r"^\s*\S+(\s+\S+){4}\s*$"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class BackupS3Config(_Section):
    """The S3 server of a place `s3://bucket/prefix`."""

    endpoint: str = Field(description="Host and port of the S3 server, without a scheme.")
    secure: bool = Field(default=True, description="Whether to speak TLS to the S3 server.")
    access_key: str = Field(description="The S3 access key (user name).")
    secret_key: SecretStr = Field(description="The S3 secret key. Keep it in a file or variable.")
    region: str = Field(default="us-east-1", description="The S3 region; MinIO uses us-east-1.")


class PostgresConfig(_Section):
    """One PostgreSQL database that is backed up with the server's own `pg_dump`."""

    host: str = Field(description="Host of the PostgreSQL server.")
    port: int = Field(default=5432, gt=0, le=65_535, description="Port of the PostgreSQL server.")
    database: str = Field(description="Name of the database.")
    user: str = Field(description="Role that may read all of the database.")
    password: SecretStr | None = Field(
        default=None, description="Its password; empty where the server asks for none."
    )


class RetentionConfig(_Section):
    """Which snapshots stay; one that any of these rules names is kept."""

    last: int = Field(default=7, ge=1, description="The newest snapshots, whenever they were made.")
    daily: int = Field(default=7, ge=0, description="Days whose newest snapshot is kept (UTC).")
    weekly: int = Field(default=4, ge=0, description="Weeks whose newest snapshot is kept.")
    monthly: int = Field(default=12, ge=0, description="Months whose newest snapshot is kept.")


class BackupConfig(_Section):
    """Where backups go, when they are made, and how long they are kept."""

    place: str | None = Field(
        default=None,
        description="Where backups are kept: a folder, `s3://bucket/prefix` (see `backup.s3`), or "
        "`drive://name/folder` with a name of `client_storage.drives`. Empty means no backups.",
    )
    s3: BackupS3Config | None = Field(
        default=None, description="The S3 server of `backup.place`; empty: that of `storage`."
    )
    key: SecretStr | None = Field(
        default=None,
        min_length=12,
        description="Passphrase that encrypts the backup. Empty: one is made at the first backup "
        "in `secrets/backup.key` of the data directory. Keep a copy elsewhere: nothing opens a "
        "backup without it.",
    )
    schedule: str | None = Field(
        default="0 3 * * *",
        pattern=_CRON,
        description="When a backup is made, as cron (UTC); empty: never.",
    )
    verify_schedule: str | None = Field(
        default="0 5 * * 0",
        pattern=_CRON,
        description="When all backups are read back, as cron (UTC); empty: never.",
    )
    retention: RetentionConfig = Field(
        default_factory=RetentionConfig, description="Which snapshots stay."
    )
    postgres: dict[str, PostgresConfig] = Field(
        default_factory=dict, description="PostgreSQL databases to back up, by a name for each."
    )
    buckets: tuple[str, ...] = Field(
        default=(),
        description="Further buckets of the object store to back up, such as one of MLflow's "
        "artifacts; those of `storage` always are.",
    )
    stale_lock_s: float = Field(
        default=1800.0,
        ge=60,
        description="Seconds without a sign of life after which the lock of a backup on another "
        "machine is taken over; on this machine it is as soon as its process is gone.",
    )

    @field_validator("place")
    @classmethod
    def _named(cls, value: str | None) -> str | None:
        if value is None:
            return None
        scheme, separator, rest = value.partition("://")
        if separator and (scheme not in {"s3", "drive"} or not rest.strip("/")):
            raise ValueError("must be a folder, s3://bucket/prefix or drive://name/folder")
        if scheme == "drive" and not rest.partition("/")[2].strip("/"):
            raise ValueError("must name a folder in the drive: drive://name/folder")
        return value

    @field_validator("postgres")
    @classmethod
    def _plain_names(cls, value: dict[str, PostgresConfig]) -> dict[str, PostgresConfig]:
        for name in value:
            if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
                raise ValueError(f"{name!r} must be of letters, digits, - and _")
        return value

    @model_validator(mode="after")
    def _s3_has_a_place(self) -> Self:
        if self.s3 is not None and not (self.place or "").startswith("s3://"):
            raise ValueError("`s3` is set, but `place` is no s3://bucket/prefix")
        return self

    @property
    def folder(self) -> Path | None:
        """The folder of a place that is one."""
        if self.place is None or "://" in self.place:
            return None
        return Path(self.place).expanduser().absolute()
