"""Where the embedded stack keeps what, inside one data directory.

Belongs here: the names of its directories and files and who may read them.
Does not belong here: what is written into them.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.supervisord import LONGEST_SOCKET

__all__ = ["StackPaths", "make_private", "write_private"]


@dataclass(frozen=True)
class StackPaths:
    """The directories and files below one data directory."""

    root: Path

    @property
    def object_store(self) -> Path:
        return self.root / "object-store"

    @property
    def temporal(self) -> Path:
        return self.root / "temporal"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics"

    @property
    def gateway(self) -> Path:
        """The gateway's own certificates and what it was started with."""
        return self.root / "gateway"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def lock(self) -> Path:
        return self.run / "lock"

    @property
    def stack_file(self) -> Path:
        """The `StackConfig` that the running programs were started with."""
        return self.run / "stack.json"

    @property
    def supervisor_config(self) -> Path:
        return self.run / "supervisord.conf"

    @property
    def supervisor_pid(self) -> Path:
        return self.run / "supervisord.pid"

    @property
    def supervisor_log(self) -> Path:
        return self.logs / "supervisord.log"

    @property
    def sockets(self) -> Path:
        """Directory of Unix sockets: `run`, or a short one when that path is too long."""
        if len(os.fsencode(self.run / "supervisor.sock")) <= LONGEST_SOCKET:
            return self.run
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        parent = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        return Path(parent) / f"jarvis-{os.getuid()}-{name}"

    @property
    def supervisor_socket(self) -> Path:
        return self.sockets / "supervisor.sock"

    def plan(self, program: str) -> Path:
        """The file that tells how `program` is started."""
        return self.run / f"{program}.json"

    def log(self, program: str) -> Path:
        """The log of `program`."""
        return self.logs / f"{program}.log"

    def make(self) -> None:
        """Make every directory, readable by this user only.

        Raises:
            BadInputError: the data directory cannot be written, or belongs to someone else.
        """
        for folder in (
            self.root,
            self.object_store,
            self.temporal,
            self.mlflow,
            self.dagster,
            self.metrics,
            self.gateway,
            self.logs,
            self.run,
            self.secrets,
            self.sockets,
        ):
            make_private(folder)


def make_private(folder: Path) -> None:
    """Make `folder`, with mode 0700 if it is new.

    Raises:
        BadInputError: it cannot be made, or belongs to another user.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise BadInputError(
            f"The directory {folder} cannot be made: {error.strerror}.",
            "Choose another data directory with JARVIS_DATA_DIR or the setting data_dir.",
        ) from error
    if owner != os.getuid() or not os.access(folder, os.W_OK | os.X_OK):
        raise BadInputError(
            f"The directory {folder} is not this user's to write.",
            "Choose another data directory with JARVIS_DATA_DIR or the setting data_dir.",
        )


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` in one step, readable by this user only."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
