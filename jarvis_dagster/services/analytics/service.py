"""JarvisAnalyticsService: metrics of all kinds, dashboards and alerts.

Belongs here: names, labels and values that Prometheus accepts. Does not belong
here: how they are kept (``store.py``) and served (``endpoint.py``).
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from jarvis_dagster.errors import BadInputError, NotSupportedError
from jarvis_dagster.services.analytics.alertmanager import Alertmanager
from jarvis_dagster.services.analytics.alerts import read_alert
from jarvis_dagster.services.analytics.dashboards import (
    grafana_json,
    read_dashboard,
    write_dashboard,
)
from jarvis_dagster.services.analytics.grafana import Grafana
from jarvis_dagster.services.analytics.store import MetricStore

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jarvis_dagster.services.analytics.alertmanager import Known, Silence
    from jarvis_dagster.services.analytics.config import AnalyticsConfig

__all__ = ["JarvisAnalyticsService"]

_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


class JarvisAnalyticsService:
    """Metrics that are kept the moment they are logged, also by a process that ends at once."""

    def __init__(self, config: AnalyticsConfig) -> None:
        self.config = config
        self._store = MetricStore(config.directory, config.label_values)

    def close(self) -> None:
        """Close the store."""
        self._store.close()

    def check(self) -> None:
        """Return when metrics can be kept, and Alertmanager answers where one is set."""
        list(self._store.collect())
        if self.config.alertmanager_url:
            self._manager().check()

    def log_metric(
        self,
        name: str,
        value: float,
        labels: Mapping[str, str] | None = None,
        component: str | None = None,
    ) -> None:
        """Set a gauge: a value that goes up and down.

        Args:
            name: What it is, with its unit: ``queue_length``, ``disk_free_bytes``.
                Characters that Prometheus does not know become ``_``.
            labels: What it is of; the same label names every time.
            component: Is added as the label ``component``.

        Raises:
            BadInputError: a name or value that cannot be one, or a name that
                has other labels or is of another kind.
        """
        self._store.set(_name(name), _labels(labels, component), _number(name, value))

    def log_counter(
        self,
        name: str,
        value: float = 1.0,
        labels: Mapping[str, str] | None = None,
        component: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Add to a counter; ``_total`` is added to its name where it is missing.

        Args:
            event_id: What is counted: told again, as by a step that is tried again, it is not
                counted again.
        """
        value = _number(name, value)
        if value < 0 or math.isinf(value):
            raise BadInputError(f"{name} cannot count {value}.", "Use log_metric for what falls.")
        self._store.add(
            _name(name).removesuffix("_total"), _labels(labels, component), value, event_id
        )

    def log_histogram(
        self,
        name: str,
        value: float,
        labels: Mapping[str, str] | None = None,
        component: str | None = None,
        event_id: str | None = None,
    ) -> None:
        """Add an observation, such as a duration in seconds, to a histogram; an event once."""
        value = _number(name, value)
        if math.isinf(value):
            raise BadInputError(f"{name} cannot observe {value}.")
        every = _labels(labels, component, frozenset({"le"}))
        self._store.observe(_name(name), every, value, event_id)

    def forget(self, name: str, keep: Collection[Mapping[str, str]]) -> None:
        """Drop what a gauge says of things that are gone: all series but those of ``keep``."""
        self._store.forget(_name(name), [_labels(labels, None) for labels in keep])

    def create_dashboard(self, dashboard_config: Mapping[str, Any]) -> str:
        """Write a dashboard for Grafana, and put it there where an address is set.

        The same title replaces it.

        Args:
            dashboard_config: ``title``, ``panels`` (each ``title``, ``expr`` or ``queries``,
                and maybe ``type``, ``unit``), and maybe ``tags``, ``refresh``.

        Returns:
            Its id: the name of the file in ``dashboards``, its uid in Grafana.
        """
        dashboard = read_dashboard(dashboard_config)
        write_dashboard(dashboard, self.config.directory / "dashboards")
        if self.config.grafana_url:
            Grafana(self.config).put_dashboard(grafana_json(dashboard))
        return dashboard.uid

    def send_alert(self, alert_config: Mapping[str, Any]) -> None:
        """Give an alert to Alertmanager.

        Args:
            alert_config: ``name``, ``summary``, and maybe ``severity`` (info,
                warning, critical), ``description``, ``labels``, ``resolved``.

        Raises:
            NotSupportedError: no Alertmanager is set.
        """
        alert = read_alert(alert_config)
        self._manager().post(alert)

    def alerts(self) -> list[Known]:
        """What Alertmanager holds, the gravest first; also what is silenced or has a cause.

        Raises:
            NotSupportedError: no Alertmanager is set.
        """
        return self._manager().alerts()

    def silence(self, matchers: Mapping[str, str], hours: float, *, by: str, why: str) -> str:
        """Have alerts with these labels tell nobody for a while; returns the silence's id.

        Raises:
            BadInputError: no labels, no reason, or no time.
            NotSupportedError: no Alertmanager is set.
        """
        return self._manager().silence(matchers, hours, by=by, why=why)

    def silences(self) -> list[Silence]:
        """The silences in force."""
        return self._manager().silences()

    def end_silence(self, silence_id: str) -> None:
        """Have a silence end now.

        Raises:
            BadInputError: there is none of that id.
        """
        self._manager().end_silence(silence_id)

    def _manager(self) -> Alertmanager:
        if self.config.alertmanager_url is None:
            raise NotSupportedError("There is no Alertmanager.", "Set analytics.alertmanager_url.")
        return Alertmanager(
            self.config.alertmanager_url, self.config.timeout_s, self.config.attempts
        )


def _name(name: str) -> str:
    clean = re.sub(r"[^a-zA-Z0-9_:]", "_", name)
    if not clean.strip("_:"):
        raise BadInputError(f"{name!r} is not a name for a metric.", "Use words and _.")
    return f"_{clean}" if clean[0].isdigit() else clean


def _labels(
    labels: Mapping[str, str] | None, component: str | None, reserved: frozenset[str] = frozenset()
) -> dict[str, str]:
    every = {key: str(value) for key, value in (labels or {}).items()}
    if component is not None:
        if every.get("component", component) != component:
            raise BadInputError("The label `component` is that of the caller.", "Leave it out.")
        every["component"] = component
    for key in every:
        if not _LABEL.fullmatch(key) or key in reserved:
            raise BadInputError(f"{key!r} is not a name for a label.", "Use letters and _.")
    return every


def _number(name: str, value: float) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{name} cannot be {value!r}.", "Log a number.") from error
    if math.isnan(number):
        raise BadInputError(f"{name} cannot be NaN.", "Log nothing where there is no value.")
    return number
