"""The code that a run was made by, to be had again.

Belongs here: telling whether it is what runs here, and checking it out. Does not belong here:
running it (``reproduction.py``).
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import PermanentError
from jarvis_dagster.services.experiment.code_version import (
    code_version,
    repository_of,
    sources_sha256,
)
from jarvis_dagster.services.experiment.recipe import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["CodeOfThen"]

_PACKAGE = "jarvis_dagster"
_OWN = "jarvis-dagster"


class CodeOfThen:
    """The code of then: what is here, if it is the same, or a work tree of its commit."""

    def __init__(self, recorded: Mapping[str, Any], folder: Path) -> None:
        self._recorded = recorded
        self._folder = folder
        self._repository: Path | None = None
        self.path: Path | None = None
        self.same = False
        self.words = ""

    def __enter__(self) -> CodeOfThen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._repository is not None:
            _git(self._repository, "worktree", "remove", "--force", str(self._folder))

    def prepare(self, download: Callable[[str], Path]) -> None:
        """Have the code, and say what it is."""
        then, now = self._recorded, code_version()
        commit = str(then["commit"])
        named = f"commit {commit[:12]}" if commit else f"version {then['version']}"
        if then["sha256"] == now.sha256:
            self.same, self.words = True, f"{named}, which is what runs here"
            return
        repository = repository_of()
        if not commit or repository is None or not _has(repository, commit):
            self.words = (
                f"{named} is not to be had here; version {now.version} was used instead."
                f" Install {_OWN} {then['version']}, or fetch that commit, for the same code"
            )
            return
        done = _git(repository, "worktree", "add", "--detach", str(self._folder), commit)
        if done.returncode:
            raise PermanentError(
                f"The code of {named} cannot be checked out ({done.stderr.strip()}).", "See git."
            )
        self._repository = repository
        if then["dirty"]:
            patch = download(f"{FOLDER}/changes.patch")
            done = _git(self._folder, "apply", "--whitespace=nowarn", str(patch))
            if done.returncode:
                raise PermanentError(
                    f"The changes on top of {named} cannot be applied ({done.stderr.strip()}).", ""
                )
        self.path = self._folder
        self.same = sources_sha256(self._folder / _PACKAGE) == then["sha256"]
        self.words = f"{named}{', with the changes recorded' if then['dirty'] else ''}"


def _has(repository: Path, commit: str) -> bool:
    return _git(repository, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=False
    )
