"""Stored series as Prometheus families.

Belongs here: the way from parts of a series to what Prometheus reads. Does not belong here: where
they are stored (``store.py``).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prometheus_client import Metric

__all__ = ["BUCKETS", "family"]

BUCKETS = tuple(round(digit * 10.0**power, 10) for power in range(-3, 6) for digit in (1, 2.5, 5))
"""Upper bounds of all histograms: from a millisecond to days, in steps of about two."""


def family(
    name: str, kind: str, labels: list[str], series: Mapping[str, Mapping[str, float]]
) -> Metric:
    """One metric.

    Args:
        series: Its parts (``value``; of a histogram ``sum`` and ``le:BOUND``) by the values of its
            labels as a JSON list.
    """
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    text = name.replace("_", " ").capitalize() + "."
    if kind == "histogram":
        histogram = HistogramMetricFamily(name, text, labels=labels)
        for values, parts in series.items():
            histogram.add_metric(json.loads(values), _cumulative(parts), parts["sum"])
        return histogram
    plain = (
        CounterMetricFamily(name, text, labels=labels)
        if kind == "counter"
        else GaugeMetricFamily(name, text, labels=labels)
    )
    for values, parts in series.items():
        plain.add_metric(json.loads(values), parts["value"])
    return plain


def _cumulative(parts: Mapping[str, float]) -> list[tuple[str, float]]:
    total, buckets = 0.0, []
    for bound in (*BUCKETS, float("inf")):
        total += parts.get(f"le:{bound!r}", 0.0)
        buckets.append(("+Inf" if bound == float("inf") else repr(bound), total))
    return buckets
