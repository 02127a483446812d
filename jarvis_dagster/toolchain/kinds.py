"""Which training pipelines there are.

Belongs here: the pipelines by name. Does not belong here: what one must know (``kind.py``).
"""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from jarvis_dagster.errors import BadInputError, NotSupportedError

if TYPE_CHECKING:
    from jarvis_dagster.toolchain.kind import Kind

__all__ = ["PIPELINES", "kind_of"]

PIPELINES = ("hockey-detection", "hockey-role-classification", "ice-surface-detection")
"""The pipelines by name."""


def kind_of(name: str) -> Kind:
    """The pipeline of that name.

    Raises:
        BadInputError: there is none.
        NotSupportedError: PyTorch is not installed.
    """
    if name not in PIPELINES:
        raise BadInputError(
            f"There is no pipeline {name!r}.", f"There are: {', '.join(PIPELINES)}."
        )
    if importlib.util.find_spec("torch") is None:
        raise NotSupportedError(
            "Training needs PyTorch.", 'Install it: pip install -c constraints.txt ".[training]"'
        )
    from jarvis_dagster.toolchain.detection import HockeyDetection
    from jarvis_dagster.toolchain.ice import IceSurface
    from jarvis_dagster.toolchain.roles import RoleClassification

    kinds: tuple[Kind, ...] = (HockeyDetection(), RoleClassification(), IceSurface())
    return next(kind for kind in kinds if kind.name == name)
