"""Names that OneDrive takes.

Belongs here: its rules on top of those of every file system
(https://support.microsoft.com/office/64883a5d-228e-48f5-b3d2-eb39e07630fa).
Does not belong here: looking whether a name is taken.
"""

from __future__ import annotations

import re
import unicodedata

from jarvis_dagster.errors import UnusableNameError
from jarvis_dagster.services.client_storage.drive import is_temporary
from jarvis_dagster.services.client_storage.names import visible

__all__ = ["forms", "visible_name"]

_RESERVED = re.compile(
    r"(COM|LPT)[0\u00b9\u00b2\u00b3](\..*)?|desktop\.ini|thumbs\.db", re.IGNORECASE
)
_SERVER_FOLDER = re.compile(r"_vti_", re.IGNORECASE)


def visible_name(name: str, *, in_library: bool = False, exact: bool = False) -> str:
    """``name`` as OneDrive takes it and the listing shows it.

    Args:
        in_library: Whether it is for the top of a SharePoint library, which has
            a folder ``Forms`` of its own.
        exact: Raise if it is one that OneDrive alone does not take.

    Raises:
        UnusableNameError: ``exact``, and OneDrive would need another name.
    """
    safe = visible(name)
    held = _SERVER_FOLDER.sub("_vti-", safe).rstrip(". ")
    if _RESERVED.fullmatch(held) or (in_library and held.lower() == "forms"):
        held = f"_{held}"
    if is_temporary(held):
        held = f"{held}_"
    if exact and held != safe:
        raise UnusableNameError(f"OneDrive does not take the name {safe!r}.", "Rename it.")
    return held


def forms(name: str) -> tuple[str, ...]:
    """The Unicode forms of one name; OneDrive holds them for different names."""
    composed = unicodedata.normalize("NFC", name)
    decomposed = unicodedata.normalize("NFD", name)
    return (composed,) if composed == decomposed else (composed, decomposed)
