"""Datasets for a command: stored ones, and those in folders and zip files.

Belongs here: opening them, with the servers that they need. Does not belong here: options and
what is printed (``dataset.py``).
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jarvis_dagster.commands.display import Display
    from jarvis_dagster.hockey.datasets import Dataset, Options
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings
    from jarvis_dagster.toolchain.store import DatasetStore

__all__ = ["Shelf", "opened"]


class Shelf:
    """Where datasets are kept; the object store is lent when something is first asked of it.

    Args:
        stack: Ends what was lent.
    """

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self._made: tuple[Settings, JarvisCoreServices] | None = None

    @property
    def datasets(self) -> DatasetStore:
        """The stored ones."""
        from jarvis_dagster.toolchain.store import DatasetStore

        settings, core = self._opened()
        core.storage_service.ensure_buckets()
        return DatasetStore(core.storage_service, settings.data_dir / "work" / "datasets")

    def core(self) -> JarvisCoreServices:
        """The services beside it."""
        return self._opened()[1]

    def _opened(self) -> tuple[Settings, JarvisCoreServices]:
        from jarvis_dagster.commands.platform import lent
        from jarvis_dagster.settings import load_settings
        from jarvis_dagster.wiring import core_services

        if self._made is None:
            settings = load_settings()
            self._stack.enter_context(lent(settings))
            self._made = settings, self._stack.enter_context(core_services(settings))
        return self._made


@contextlib.contextmanager
def opened(ref: str, options: Options | None, display: Display) -> Iterator[Dataset]:
    """A stored version, or the dataset in a folder or zip file.

    Raises:
        BadInputError: it is neither.
    """
    from jarvis_dagster.hockey.datasets import Options, open_dataset, read_dataset
    from jarvis_dagster.hockey.datasets.folder import MANIFEST
    from jarvis_dagster.toolchain.sources import dataset_name

    path = Path(ref).expanduser()
    with contextlib.ExitStack() as stack:
        if (path / MANIFEST).is_file() and (options is None or options == Options()):
            yield open_dataset(path)
        elif path.exists():
            yield stack.enter_context(
                read_dataset(
                    path,
                    dataset_name(ref),
                    options,
                    lambda done, total: display.update("pictures", done, total),
                )
            )
        else:
            yield Shelf(stack).datasets.fetch(
                ref, lambda done, total: display.update("fetch", done, total)
            )
