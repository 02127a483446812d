"""``jarvis drive login``: what each provider asks of a person.

Belongs here: the questions and how they are put. Does not belong here: the
sessions that come of the answers (each provider's package).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError
from jarvis_dagster.services.client_storage.google.config import GoogleDriveConfig
from jarvis_dagster.services.client_storage.icloud.config import ICloudDriveConfig
from jarvis_dagster.services.client_storage.onedrive.config import OneDriveConfig

if TYPE_CHECKING:
    from rich.console import Console

    from jarvis_dagster.services.client_storage import JarvisClientStorageService

__all__ = ["sign_in"]


def sign_in(service: JarvisClientStorageService, name: str, console: Console) -> None:
    """Sign in to the drive of that name, asking on the terminal.

    Raises:
        ConfigError: there is no such drive, or it needs no sign-in.
    """
    if name not in service.config.drives:
        known = ", ".join(sorted(service.config.drives)) or "none"
        raise ConfigError(
            f"There is no drive named {name!r}.",
            f"Add it to client_storage.drives; there are: {known}.",
        )
    config, state = service.config.drives[name], service.config.state_of(name)

    def show(text: str) -> None:
        console.print(text, soft_wrap=True, markup=False)  # addresses stay in one piece

    if isinstance(config, GoogleDriveConfig):
        from jarvis_dagster.services.client_storage.google import auth as google

        google.sign_in(config, state, show=show)
    elif isinstance(config, OneDriveConfig):
        from jarvis_dagster.services.client_storage.onedrive import auth as onedrive

        onedrive.sign_in(config, state, show=show)
    elif isinstance(config, ICloudDriveConfig):
        from jarvis_dagster.services.client_storage.icloud import login as icloud

        icloud.sign_in(
            config,
            state,
            password=lambda: console.input(f"Password of {config.apple_id}: ", password=True),
            ask_code=lambda text: console.input(f"{text} "),
        )
    else:
        raise ConfigError(f"The drive {name} is a folder of this machine.", "It needs no sign-in.")
