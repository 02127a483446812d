"""The settings of an installation of its own, over servers that tests share.

Belongs here: writing the file. Does not belong here: the servers (``servers.py``), what a test
sets besides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers import Server

__all__ = ["write_settings"]


def write_settings(folder: Path, store: Server, more: str = "", *, buckets: str = "") -> Path:
    """The settings file in ``folder``, where the installation keeps its state in ``data``.

    Args:
        more: Further sections, as YAML.
        buckets: What the names of its buckets begin with; the usual names where it is empty.
    """
    kinds = ("artifacts", "models", "datasets", "logs") if buckets else ()
    own = "".join(f"  {kind}_bucket: '{buckets}-{kind}'\n" for kind in kinds)
    path = folder / "jarvis-core.yaml"
    path.write_text(
        f"""
stack: {{data_dir: '{folder / "data"}'}}
storage:
  endpoint: '{store.address}'
  access_key: '{store.access_key}'
  secret_key: '{store.secret_key}'
{own}
{more}
""",
        "utf-8",
    )
    return path
