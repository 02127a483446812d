"""How this machine is: processors, memory, disk, network.

Belongs here: one look at it, as Prometheus families. Does not belong here: what Jarvis' processes
log (``store.py``), HTTP (``endpoint.py``).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from prometheus_client import Metric

__all__ = ["Machine"]


class Machine:
    """A collector; shares are from 0 to 1, counters grow since the machine started."""

    def __init__(self, directory: Path) -> None:
        import psutil

        self._directory = directory
        psutil.cpu_percent()  # the first look has nothing to compare with

    def collect(self) -> Iterable[Metric]:
        """Measure now; the processor's share is that since the last look."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        for name, (text, value) in self._gauges().items():
            yield GaugeMetricFamily(f"jarvis_system_{name}", text, value=value)
        for name, (text, value) in self._counters().items():
            yield CounterMetricFamily(f"jarvis_system_{name}", text, value=value)

    def _gauges(self) -> dict[str, tuple[str, float]]:
        import psutil

        memory, disk = psutil.virtual_memory(), psutil.disk_usage(str(self._directory))
        return {
            "cpu_used_ratio": ("Share of the processors in use.", psutil.cpu_percent() / 100),
            "load_ratio": (
                "Processes that want a processor, for each processor, over 5 minutes.",
                psutil.getloadavg()[1] / (os.cpu_count() or 1),
            ),
            "memory_used_ratio": ("Share of the memory in use.", memory.percent / 100),
            "memory_available_bytes": (
                "Memory that can be had without swapping.",
                memory.available,
            ),
            "disk_used_ratio": (
                "Share of the data directory's disk in use.",
                disk.percent / 100,
            ),
            "disk_free_bytes": ("Free on the data directory's disk.", disk.free),
        }

    def _counters(self) -> dict[str, tuple[str, float]]:
        import psutil

        found: dict[str, tuple[str, float]] = {}
        if (network := psutil.net_io_counters()) is not None:
            found |= {
                "network_received_bytes": ("Bytes from the network.", network.bytes_recv),
                "network_sent_bytes": ("Bytes to the network.", network.bytes_sent),
                "network_errors": (
                    "Packets in and out that failed or were dropped.",
                    network.errin + network.errout + network.dropin + network.dropout,
                ),
            }
        if (disk := psutil.disk_io_counters()) is not None:  # a container may know of none
            found |= {
                "disk_read_bytes": ("Bytes read from disks.", disk.read_bytes),
                "disk_written_bytes": ("Bytes written to disks.", disk.write_bytes),
            }
        return found
