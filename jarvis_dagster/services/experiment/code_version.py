"""Which code runs, and with which packages.

Belongs here: commit, uncommitted changes, package version, installed distributions. Does not
belong here: what is done with it (``reproduction.py``).
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "CodeVersion",
    "code_version",
    "installed_packages",
    "repository_of",
    "sources_sha256",
    "uncommitted_changes",
]

_DISTRIBUTION = "jarvis-dagster"
_PACKAGE = Path(__file__).parents[2]
_GIT_TIMEOUT_S = 30


@dataclasses.dataclass(frozen=True)
class CodeVersion:
    """The code that runs.

    Attributes:
        version: Of the package.
        commit: Of the repository that it is in; empty where it is installed.
        dirty: Whether files differ from the commit.
        sha256: Over all source files of the package: the same code, the same hash.
    """

    version: str
    commit: str
    dirty: bool
    sha256: str

    def to_json(self) -> dict[str, Any]:
        """As a document."""
        return dataclasses.asdict(self)


@cache
def code_version(package: Path = _PACKAGE) -> CodeVersion:
    """What ``package`` (a folder) is, by repository and by content."""
    commit = _git(package, "rev-parse", "HEAD")
    tracked = bool(commit) and bool(_git(package, "ls-files", "--error-unmatch", "."))
    return CodeVersion(
        version=_version(),
        commit=commit.strip() if tracked else "",
        dirty=tracked and bool(uncommitted_changes(package)),
        sha256=sources_sha256(package),
    )


def uncommitted_changes(package: Path = _PACKAGE) -> str:
    """The differences from the commit as a patch, new files included; empty where none."""
    root = _git(package, "rev-parse", "--show-toplevel").strip()
    if not root:
        return ""
    changed = _git(Path(root), "diff", "--binary", "HEAD")
    new = _git(Path(root), "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, new):
        # git diff --no-index ends with 1 where files differ, as they do here.
        changed += _git(
            Path(root), "diff", "--binary", "--no-index", "--", "/dev/null", name, ok=(0, 1)
        )
    return changed


def repository_of(package: Path = _PACKAGE) -> Path | None:
    """The repository that the code is a part of; None where it is installed."""
    if not code_version(package).commit:
        return None
    return Path(_git(package, "rev-parse", "--show-toplevel").strip())


def installed_packages() -> dict[str, str]:
    """Version by name of every installed distribution, as ``pip freeze`` lists them."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:
            found[name.lower().replace("_", "-")] = distribution.version
    return dict(sorted(found.items()))


def _version() -> str:
    try:
        return importlib.metadata.version(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def sources_sha256(package: Path) -> str:
    """Hash of the source files in a folder: the same code, the same hash."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _git(folder: Path, *words: str, ok: tuple[int, ...] = (0,)) -> str:
    """What git says; empty where there is no git or no repository."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            check=False,
            timeout=_GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode in ok else ""
