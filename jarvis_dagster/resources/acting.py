"""In whose name an asset calls the core services.

Belongs here: the component whose asset runs at this moment. Does not belong here: what it may do
(``services/security``).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import dagster as dg

from jarvis_dagster.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["component_now", "component_of"]

_TEAM = "team:"


def component_now() -> str | None:
    """The component that owns the asset (or the asset of the check) that runs here.

    None where no asset runs: in a sensor, a schedule, a command.

    Raises:
        ConfigError: the asset belongs to no component.
    """
    with contextlib.suppress(dg.DagsterInvariantViolationError):
        context = dg.AssetExecutionContext.get()
        key = next(iter(context.selected_asset_keys))
        return component_of(key, context.assets_def.specs_by_key[key].owners)
    with contextlib.suppress(dg.DagsterInvariantViolationError):
        check = dg.AssetCheckExecutionContext.get()
        key = next(iter(check.selected_asset_check_keys)).asset_key
        return component_of(key, check.job_def.asset_layer.asset_graph.get(key).owners)
    return None


def component_of(key: dg.AssetKey, owners: Iterable[str]) -> str:
    """The component among the owners of an asset.

    Raises:
        ConfigError: there is none.
    """
    for owner in owners:
        if owner.startswith(_TEAM):
            return owner.removeprefix(_TEAM)
    raise ConfigError(
        f"{key.to_user_string()} belongs to no component, so it may do nothing.",
        "Name its component as an owner: `owners=['team:spotlight']`.",
    )
