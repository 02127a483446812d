"""One event of a workflow's history, told plainly.

Belongs here: pure functions of Temporal's event. Does not belong here: fetching events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from temporalio.api.history.v1 import HistoryEvent

__all__ = ["happening"]

_PREFIX = "EVENT_TYPE_"


def happening(event: HistoryEvent, names: dict[int, str]) -> dict[str, Any]:
    """``number, time, event, what, detail`` of one event.

    Args:
        names: What earlier events were about, by number; is added to.
    """
    import datetime

    from temporalio.api.enums.v1 import EventType

    kind = EventType.Name(event.event_type).removeprefix(_PREFIX).lower()
    body = getattr(event, event.WhichOneof("attributes") or "", None)
    what, detail = _what(body, names), _detail(body)
    if what:
        names[event.event_id] = what
    return {
        "number": event.event_id,
        "time": event.event_time.ToDatetime(tzinfo=datetime.UTC),
        "event": kind,
        "what": what,
        "detail": detail,
    }


def _what(body: Any, names: dict[int, str]) -> str:
    """The step, timer, signal or child that an event is about."""
    for field in (
        "activity_type",
        "workflow_type",
        "signal_name",
        "marker_name",
        "timer_id",
    ):
        value = getattr(body, field, None)
        text = getattr(value, "name", value)
        if isinstance(text, str) and text:
            return f"timer {text}" if field == "timer_id" else text
    before = getattr(body, "scheduled_event_id", 0) or getattr(body, "initiated_event_id", 0)
    return names.get(before, "")


def _detail(body: Any) -> str:
    """Who took it, or why it ended."""
    parts = []
    failure = _failure(body)
    if failure is not None:
        parts.append(failure)
    attempt = getattr(body, "attempt", 0)
    if isinstance(attempt, int) and attempt > 1:
        parts.append(f"attempt {attempt}")
    for field in ("reason", "identity"):
        text = getattr(body, field, "")
        if isinstance(text, str) and text:
            parts.append(text)
            break
    return "; ".join(parts)


def _failure(body: Any) -> str | None:
    for field in ("failure", "last_failure"):
        try:
            has = body is not None and body.HasField(field)
        except ValueError:  # this kind of event has no such field
            continue
        if has:
            failure = getattr(body, field)
            while failure.HasField("cause"):
                failure = failure.cause
            return str(failure.message)
    return None
