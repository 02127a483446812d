"""Whatever the name, OneDrive takes what becomes of it, and the listing shows it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis_dagster.errors import BadInputError
from jarvis_dagster.services.client_storage.drive import is_temporary
from jarvis_dagster.services.client_storage.names import numbered
from jarvis_dagster.services.client_storage.onedrive.names import forms, visible_name
from tests.fakes.onedrive.world import check_name

__all__: list[str] = []

_HOSTILE = [
    *("~$plan.docx", "desktop.ini", "DESKTOP.INI", "Thumbs.db", ".lock", "a_vti_b.mp4", "_VTI_"),
    *("__vti__vti_", "COM0", "LPT0.txt", "com¹.txt", "CON", "aux.tar.gz", "trailing.", "...", "~"),
    *(" ~ ", ".~", "forms", "Forms", "a" * 400, "\u202e", "a\tb", "é" * 300 + ".mp4", ". ."),
]


@pytest.mark.parametrize("name", _HOSTILE)
@pytest.mark.parametrize("in_root", [True, False])
def test_hostile_names(name: str, in_root: bool) -> None:
    safe = visible_name(name, in_library=in_root)
    check_name(safe, in_library_root=in_root)
    assert not is_temporary(safe)
    assert visible_name(safe, in_library=in_root) == safe
    check_name(numbered(safe, 999), in_library_root=in_root)


@given(st.text(max_size=300))
def test_any_name(name: str) -> None:
    check_name(visible_name(name, in_library=True), in_library_root=True)


def test_ordinary_names_stay() -> None:
    for name in ("clip.mp4", "Größe #1 100%.mp4", "a (2).mp4", "Forms.docx", "my_vti.txt"):
        assert visible_name(name, in_library=True) == name
        assert visible_name(name, in_library=True, exact=True) == name
    assert visible_name("forms") == "forms"


def test_names_that_only_onedrive_does_not_take_are_errors_where_no_other_will_do() -> None:
    for name in ("a_vti_b", "COM0.txt", "clip.tmp"):
        with pytest.raises(BadInputError, match="does not take the name"):
            visible_name(name, exact=True)
    assert visible_name("a/b:c?.txt", exact=True) == "b_c_.txt"  # as every drive has it


def test_unicode_forms_of_a_name() -> None:
    assert forms("plain") == ("plain",)
    assert forms("U\u0308") == forms("\u00dc") == ("\u00dc", "U\u0308")
