"""In whose name an asset, a sensor or an IO manager calls the core services.

Belongs here: the component whose asset or sensor runs at this moment. Does not belong here: what it
may do (``services/security``).
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import dagster as dg

from jarvis_dagster.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["acting", "acting_for", "acts_as", "component_now", "component_of"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_TEAM = "team:"
_NOW: contextvars.ContextVar[str | None] = contextvars.ContextVar("component", default=None)


@contextlib.contextmanager
def acting(component: str) -> Iterator[None]:
    """What is called within is called in the name of a component."""
    before = _NOW.set(component)
    try:
        yield
    finally:
        _NOW.reset(before)


def acts_as(component: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """For the function of a sensor: the component in whose name it looks and does."""

    def decorated(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def as_component(*arguments: _P.args, **named: _P.kwargs) -> _R:
            with acting(component):
                return function(*arguments, **named)

        as_component.component = component  # type: ignore[attr-defined]
        return as_component

    return decorated


@contextlib.contextmanager
def acting_for(context: dg.InputContext | dg.OutputContext) -> Iterator[None]:
    """What an IO manager does for a step is done in the name of the step's component.

    Raises:
        ConfigError: the asset belongs to no component.
    """
    step = context.step_context
    layer = step.job_def.asset_layer
    made = next(iter(layer.get_selected_entity_keys_for_node(step.node_handle)))
    key = made.asset_key if isinstance(made, dg.AssetCheckKey) else made
    with acting(component_of(key, layer.asset_graph.get(key).owners)):
        yield


def component_now() -> str | None:
    """The component that owns the asset (or the asset of the check) that runs here, or the sensor.

    None where none runs: in a command.

    Raises:
        ConfigError: the asset belongs to no component.
    """
    if (now := _NOW.get()) is not None:
        return now
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
