"""How much is too much.

Belongs here: counting what one address or account does in a minute. Does not belong here: what is
answered then.

The counts are in memory: there is one login process, and a restart forgives.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jarvis_dagster.gateway.config import GatewayConfig

__all__ = ["Throttle"]


class Throttle:
    """Counts in sliding windows of a minute."""

    def __init__(self, config: GatewayConfig) -> None:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())
        self._limits = {
            "sign_in": RateLimitItemPerMinute(config.sign_ins_per_minute),
            "refusal": RateLimitItemPerMinute(config.refusals_per_minute),
            "request": RateLimitItemPerMinute(config.requests_per_minute),
            "notice": RateLimitItemPerMinute(1),
        }

    def wait_s(self, kind: str, who: str) -> int | None:
        """Count one more; the seconds to wait if it is too many, else None."""
        if self._limiter.hit(self._limits[kind], kind, who):
            return None
        return self._left_s(kind, who)

    def would_wait_s(self, kind: str, who: str) -> int | None:
        """The seconds to wait if one more would be too many, else None; counts nothing."""
        if self._limiter.test(self._limits[kind], kind, who):
            return None
        return self._left_s(kind, who)

    def _left_s(self, kind: str, who: str) -> int:
        window = self._limiter.get_window_stats(self._limits[kind], kind, who)
        return max(1, math.ceil(window.reset_time - time.time()))
