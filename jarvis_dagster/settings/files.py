"""The files of the settings: found, read, filled in and merged.

Belongs here: from YAML files to one dictionary, and which file each key came from. Does not
belong here: which keys there are (``model.py``).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import yaml

from jarvis_dagster.errors import ConfigError

__all__ = ["Merged", "find_config"]

_REFERENCE = re.compile(r"\$\{([^}]*)\}")


def find_config() -> Path | None:
    """The core config file: ``$JARVIS_CONFIG``, ./config, or beside the package.

    Raises:
        ConfigError: ``$JARVIS_CONFIG`` names a file that is not there.
    """
    named = os.environ.get("JARVIS_CONFIG")
    if named:
        if not Path(named).is_file():
            raise ConfigError(
                f"JARVIS_CONFIG names {named}, which is not a file.", "Name a file, or unset it."
            )
        return Path(named).absolute()
    for folder in (Path.cwd(), Path(__file__).parents[2]):
        path = folder / "config" / "jarvis-core.yaml"
        if path.is_file():
            return path
    return None


class Merged:
    """What several files say, the later ones over the earlier.

    Attributes:
        content: Keys and values; references are filled in.
        origin: The file that each key is from, by its path of keys.
    """

    def __init__(self) -> None:
        self.content: dict[str, Any] = {}
        self.origin: dict[tuple[str, ...], Path] = {}

    def add(self, path: Path) -> None:
        """Lay a file over what is there.

        Raises:
            ConfigError: naming the file, and the key whose reference leads nowhere.
        """
        self._merge(self.content, _read(path), path, ())

    def replace(self, key: str, path: Path) -> None:
        """Take a file in place of all that is under a key."""
        self.content[key] = {}
        self._merge(self.content[key], _read(path), path, (key,))

    def file_of(self, at: tuple[str, ...]) -> Path | None:
        """The file that a key, or what it is in, is from; None: from no file."""
        outward = (at[:length] for length in range(len(at), 0, -1))
        return next((self.origin[part] for part in outward if part in self.origin), None)

    def _merge(
        self, into: dict[str, Any], new: dict[str, Any], path: Path, at: tuple[str, ...]
    ) -> None:
        for key, value in new.items():
            here = (*at, str(key))
            self.origin[here] = path
            if isinstance(value, dict):
                if not isinstance(into.get(key), dict):
                    into[key] = {}
                self._merge(into[key], value, path, here)
            else:
                into[key] = _expand(value, here, path)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}).", "Make it readable.") from error
    except yaml.YAMLError as error:  # its own text quotes the line, which may hold a secret
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "its beginning"
        raise ConfigError(
            f"{path} cannot be read as YAML: see {where}.", "Mend the indentation or quotes there."
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} must hold keys and values at its top level.",
            "As in `vision: {highlights: 6}`.",
        )
    return content


def _expand(value: Any, at: tuple[str, ...], path: Path) -> Any:
    if isinstance(value, list):
        return [_expand(item, at, path) for item in value]
    if not isinstance(value, str):
        return value
    if value.startswith("~/"):
        return str(Path(value).expanduser())
    whole = _REFERENCE.fullmatch(value)
    if whole:  # the model turns text into numbers; an empty default means "not set"
        return _resolve(whole[1], at, path) or None
    return _REFERENCE.sub(lambda match: _resolve(match[1], at, path), value)


def _resolve(reference: str, at: tuple[str, ...], path: Path) -> str:
    key = ".".join(at)
    if reference.startswith("file:"):
        secret = Path(reference.removeprefix("file:")).expanduser()
        try:
            return secret.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{key} in {path} is to be read from {secret}, which fails ({error}).",
                "Make that file readable or change the path.",
            ) from error
    name, separator, default = reference.partition(":-")
    value = os.environ.get(name)
    if value:
        return value
    if separator:
        return default
    raise ConfigError(
        f"{key} in {path} needs the environment variable {name}, which is not set.",
        f"Set {name}, or write ${{{name}:-default}}.",
    )
