"""What all resources share: where the settings are, and the services made from them."""

from __future__ import annotations

import contextlib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field, PrivateAttr

from jarvis_dagster.resources.acting import acting_for, component_now
from jarvis_dagster.settings import load_settings

if TYPE_CHECKING:
    from jarvis_dagster.services.core import JarvisCoreServices
    from jarvis_dagster.settings import Settings

__all__ = ["JarvisResource"]


class JarvisResource(dg.ConfigurableResource):
    """A resource that is made from the settings."""

    config_file: str = Field(
        default="", description="The core settings file; empty means the usual one."
    )
    environment: str = Field(default="", description="Settings overlay; empty means the usual one.")
    _acting: dict[str, Any] = PrivateAttr(default_factory=dict)

    @cached_property
    def settings(self) -> Settings:
        """The settings in force."""
        return load_settings(
            Path(self.config_file) if self.config_file else None, self.environment or None
        )

    @cached_property
    def platform(self) -> JarvisCoreServices:
        """The core services of these settings, with every right; connects at first use."""
        from jarvis_dagster.wiring import core_services

        return core_services(self.settings)

    @property
    def component(self) -> str | None:
        """Whose rights count at this moment; None is whoever runs Jarvis, with all of them."""
        return component_now() if self.settings.security.service_accounts else None

    def acting_for(
        self, context: dg.InputContext | dg.OutputContext
    ) -> contextlib.AbstractContextManager[None]:
        """What an IO manager does within is done in the name of the step's component.

        Where ``security.service_accounts`` is off, assets of no component are served, too.
        """
        on = self.settings.security.service_accounts
        return acting_for(context) if on else contextlib.nullcontext()

    def require(self, resource: str, right: str) -> None:
        """Refuse, and note it, where the component that acts has not that right.

        For what is no core service: a call of one is checked by itself.

        Raises:
            AccessDeniedError: it has not.
        """
        component = self.component
        if component is None:
            return
        security = self.platform.security_service
        principal = security.component(component)
        security.require(principal, resource, right)
        security.audit.add(
            f"{resource}.{right}", allowed=True, by=principal.name, role=principal.role
        )

    @property
    def core(self) -> JarvisCoreServices:
        """The core services as far as the component may use them whose asset runs.

        Where ``security.service_accounts`` is off, and in commands, that is all.
        """
        component = self.component
        if component is None:
            return self.platform
        if component not in self._acting:
            self._acting[component] = self.platform.as_component(component)
        return self._acting[component]
