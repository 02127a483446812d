"""``jarvis config``: the settings in force."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from jarvis_dagster.settings import Settings

__all__ = ["show_config"]


def show_config(settings: Settings, *, as_json: bool) -> None:
    """Print them; secrets stay hidden."""
    data = settings.model_dump(mode="json")
    text = json.dumps(data, indent=2) if as_json else yaml.safe_dump(data, sort_keys=False)
    print(text.rstrip())  # noqa: T201
