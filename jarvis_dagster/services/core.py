"""JarvisCoreServices: the one object that hands out all services.

Belongs here: making each service once, from its settings, when it is asked
for. Does not belong here: what a service does, and where settings come from.
"""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from jarvis_dagster.errors import ConfigError, PermanentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jarvis_dagster.services.analytics import AnalyticsConfig, JarvisAnalyticsService
    from jarvis_dagster.services.approval import (
        Approval,
        ApprovalsConfig,
        JarvisApprovalService,
    )
    from jarvis_dagster.services.client_storage import (
        ClientStorageConfig,
        JarvisClientStorageService,
    )
    from jarvis_dagster.services.experiment import ExperimentConfig, JarvisExperimentService
    from jarvis_dagster.services.notification import (
        JarvisNotificationService,
        Notice,
        NotificationConfig,
    )
    from jarvis_dagster.services.security import (
        JarvisSecurityService,
        Principal,
        SecurityConfig,
    )
    from jarvis_dagster.services.storage import JarvisStorageService, StorageConfig
    from jarvis_dagster.services.workflow import JarvisWorkflowService, WorkflowConfig

__all__ = ["JarvisCoreServices"]

_Config = TypeVar("_Config")


class JarvisCoreServices:
    """The core services; each is made at its first use and connects at its own.

    A service whose settings are None cannot be used: asking for it raises
    ``ConfigError``.

    Args:
        revision: What decides the result of a workflow beside its input, given these services,
            the workflow's name and the input; "" where nothing does.
    """

    def __init__(
        self,
        *,
        storage: StorageConfig | None = None,
        client_storage: ClientStorageConfig | None = None,
        experiment: ExperimentConfig | None = None,
        workflow: WorkflowConfig | None = None,
        analytics: AnalyticsConfig | None = None,
        notification: NotificationConfig | None = None,
        security: SecurityConfig | None = None,
        approvals: ApprovalsConfig | None = None,
        revision: Callable[[JarvisCoreServices, str, Mapping[str, Any]], str] | None = None,
    ) -> None:
        self._storage = storage
        self._client_storage = client_storage
        self._experiment = experiment
        self._workflow = workflow
        self._analytics = analytics
        self._notification = notification
        self._security = security
        self._approvals = approvals
        self._revision = revision

    def __enter__(self) -> JarvisCoreServices:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @cached_property
    def storage_service(self) -> JarvisStorageService:
        """Artifacts, models and files in the object store."""
        from jarvis_dagster.services.storage import JarvisStorageService

        return JarvisStorageService(_required("storage", self._storage))

    @cached_property
    def client_storage_service(self) -> JarvisClientStorageService:
        """The drives of people."""
        from jarvis_dagster.services.client_storage import JarvisClientStorageService

        return JarvisClientStorageService(
            _required("client_storage", self._client_storage),
            log=None if self._security is None else lambda: self.security_service.audit,
        )

    @cached_property
    def experiment_service(self) -> JarvisExperimentService:
        """Experiments and models in MLflow."""
        from jarvis_dagster.services.experiment import JarvisExperimentService

        config = _required("experiment", self._experiment)
        return JarvisExperimentService(config, lambda: self.storage_service)

    @cached_property
    def workflow_service(self) -> JarvisWorkflowService:
        """Durable workflows in Temporal."""
        from jarvis_dagster.services.workflow import JarvisWorkflowService

        config = _required("workflow", self._workflow)
        large = None if self._storage is None else lambda: self.storage_service
        told = self._revision
        revision = None if told is None else (lambda name, given: told(self, name, given))
        return JarvisWorkflowService(config, large, revision)

    @cached_property
    def analytics_service(self) -> JarvisAnalyticsService:
        """Metrics, dashboards and alerts."""
        from jarvis_dagster.services.analytics import JarvisAnalyticsService

        return JarvisAnalyticsService(_required("analytics", self._analytics))

    @cached_property
    def notification_service(self) -> JarvisNotificationService:
        """Messages to people."""
        from jarvis_dagster.services.notification import JarvisNotificationService

        return JarvisNotificationService(_required("notification", self._notification))

    @cached_property
    def security_service(self) -> JarvisSecurityService:
        """Accounts, rights and the audit log."""
        from jarvis_dagster.services.security import JarvisSecurityService

        return JarvisSecurityService(_required("security", self._security))

    @cached_property
    def approval_service(self) -> JarvisApprovalService:
        """What waits until a person says yes."""
        from jarvis_dagster.services.approval import JarvisApprovalService

        return JarvisApprovalService(
            _required("approvals", self._approvals),
            lambda: self.security_service,
            notify=None if self._notification is None else self._tell_people,
            nudge=None if self._workflow is None else self._tell_workflows,
        )

    def _tell_people(self, notice: Notice) -> None:
        self.notification_service.notify(notice)

    def _tell_workflows(self, waiters: Sequence[str], approval: Approval) -> None:
        for workflow_id in waiters:
            with contextlib.suppress(PermanentError):  # it has ended meanwhile
                self.workflow_service.signal_workflow(workflow_id, "decided", approval.state)

    def acting_as(self, principal: Principal) -> JarvisCoreServices:
        """These services as far as ``principal`` may use them; each call is checked and noted."""
        return _Acting(self, principal)

    def as_component(self, name: str) -> JarvisCoreServices:
        """These services as far as a component may use them.

        Where ``security.service_accounts`` is off, that is all.

        Raises:
            BadInputError: there is no role of that name.
        """
        if self._security is None or not self._security.service_accounts:
            return self
        return self.acting_as(self.security_service.component(name))

    def close(self) -> None:
        """Close the connections of the services that were used."""
        with contextlib.ExitStack() as stack:
            for name in (
                "storage_service",
                "experiment_service",
                "workflow_service",
                "analytics_service",
                "notification_service",
                "security_service",
                "approval_service",
            ):
                if name in self.__dict__:
                    stack.callback(self.__dict__.pop(name).close)


class _Acting(JarvisCoreServices):
    """The core services in the hands of somebody; what they are made of stays with the core."""

    def __init__(self, core: JarvisCoreServices, principal: Principal) -> None:
        super().__init__()
        self._core = core
        self._principal = principal

    def __getattribute__(self, name: str) -> Any:
        if not name.endswith("_service"):
            return super().__getattribute__(name)
        core, principal = self._core, self._principal
        kind = name.removesuffix("_service")
        return core.security_service.guard(getattr(core, name), kind, principal)

    def close(self) -> None:
        """The services are the core's to close."""


def _required(section: str, config: _Config | None) -> _Config:
    if config is None:
        raise ConfigError(
            f"There are no settings for {section}.", f"Add the section {section} to the settings."
        )
    return config
