"""Settings, read and checked.

Belongs here: which files are in force, and what is told of a wrong one. Does not belong here: how
a file is read (``files.py``), which settings there are (``model.py``).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pydantic

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.settings.files import Merged, find_config
from jarvis_dagster.settings.model import Environment, Settings

__all__ = ["load_settings"]


def load_settings(config: Path | None = None, environment: str | None = None) -> Settings:
    """Read, merge and check the settings.

    Args:
        config: The core file; None means :func:`find_config`.
        environment: The overlay; None means ``$JARVIS_ENV`` or development.

    Raises:
        ConfigError: naming the key and the file.
    """
    environment = environment or os.environ.get("JARVIS_ENV") or "development"
    if environment not in get_args(Environment):
        raise ConfigError(
            f"JARVIS_ENV is {environment!r}.", f"Use one of {', '.join(get_args(Environment))}."
        )
    config = config or find_config()
    merged = Merged()
    if config is not None:
        merged.add(config)
        overlay = config.with_name(f"{environment}.yaml")
        if overlay.is_file():
            merged.add(overlay)
    running = os.environ.get("JARVIS_STACK_FILE")
    if running and Path(running).is_file():
        # A program of the embedded stack sees the stack that it is part of.
        merged.replace("stack", Path(running))
    try:
        return Settings.model_validate({**merged.content, "environment": environment})
    except pydantic.ValidationError as error:
        raise _explain(error, merged, config) from None


def _explain(error: pydantic.ValidationError, merged: Merged, config: Path | None) -> ConfigError:
    lines = []
    for problem in error.errors(include_url=False, include_input=False):
        at = tuple(str(part) for part in problem["loc"])
        where = merged.file_of(at) or config or "the environment"
        message = (
            "is not a known setting" if problem["type"] == "extra_forbidden" else problem["msg"]
        )
        lines.append(f"{'.'.join(at)} in {where}: {message}.")
    return ConfigError(" ".join(lines), "docs/settings.md lists every setting.")
