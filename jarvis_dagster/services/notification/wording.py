"""What a message says.

Belongs here: the usual words and those of the settings. Does not belong here: sending.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from jarvis_dagster.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jarvis_dagster.services.notification.config import TemplateConfig
    from jarvis_dagster.services.notification.outbox import Message

__all__ = ["check_templates", "worded"]

_TITLE = (
    "Jarvis{{ '' if notice.severity == 'info' else ' ' + notice.severity }}: {{ notice.summary }}"
)
_BODY = """\
{{ notice.summary }}
{%- if notice.remedy %}

What to do: {{ notice.remedy }}
{%- endif %}
{%- if notice.details %}
{% for name, value in notice.details.items() %}
{{ name }}: {{ value }}
{%- endfor %}
{%- endif %}
{%- if notice.links %}
{% for name, address in notice.links.items() %}
{{ name }}: {{ address }}
{%- endfor %}
{%- endif %}
{%- if count > 1 %}

{{ count }} times since {{ first }}, last at {{ last }}.
{%- endif %}
"""
_LONGEST_TITLE = 160


def worded(message: Message, templates: Mapping[str, TemplateConfig]) -> tuple[str, str]:
    """Title, on one line, and body.

    Raises:
        ConfigError: a template of the settings cannot be filled in.
    """
    own = templates.get(message.notice.event)
    values = {
        "notice": message.notice,
        "count": message.count,
        "first": _time(message.first_at),
        "last": _time(message.last_at),
    }
    title = _filled((own and own.title) or _TITLE, values, message.notice.event)
    body = _filled((own and own.body) or _BODY, values, message.notice.event)
    line = " ".join(title.split())  # a line break would begin another header of a mail
    return (line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"), body


def check_templates(templates: Mapping[str, TemplateConfig]) -> None:
    """See that every template of the settings is one.

    Raises:
        ConfigError: naming the event.
    """
    from jinja2 import TemplateSyntaxError
    from jinja2.sandbox import SandboxedEnvironment

    for event, own in templates.items():
        for text in (own.title, own.body):
            try:
                SandboxedEnvironment().from_string(text or "")
            except TemplateSyntaxError as error:
                raise _wrong(event, error) from error


def _filled(template: str, values: Mapping[str, object], event: str) -> str:
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import SandboxedEnvironment

    try:
        environment = SandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        return environment.from_string(template).render(values).strip()
    except TemplateError as error:
        raise _wrong(event, error) from error


def _wrong(event: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"notification.templates.{event} cannot be filled in ({error}).",
        "docs/notifications.md lists what a template may use.",
    )


def _time(at: float) -> str:
    return f"{datetime.datetime.fromtimestamp(at, datetime.UTC):%Y-%m-%d %H:%M} UTC"
