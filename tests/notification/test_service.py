"""Messages reach a real mail server and a real webhook, at least once and not over and over."""

from __future__ import annotations

import datetime
import logging
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from jarvis_dagster.errors import BadInputError, ConfigError
from jarvis_dagster.services.notification import (
    ChannelConfig,
    JarvisNotificationService,
    Notice,
    NotificationConfig,
    QuietHoursConfig,
    RuleConfig,
    TemplateConfig,
)
from tests.notification.receivers import Hook, Mailbox, hook, mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "tok3n-that-nobody-sees"
FAILED = Notice(
    event="run_failed",
    summary="spotlight/tracks failed for the video final.mp4.",
    severity="error",
    remedy="Upload it again.",
    details={"What happened": "The file is cut off."},
    component="spotlight",
    cause="run_failed:final.mp4",
)


class Clock:
    def __init__(self) -> None:
        self.now = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC).timestamp()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def web() -> Iterator[Hook]:
    with hook() as told:
        yield told


@pytest.fixture
def post() -> Iterator[Mailbox]:
    with mailbox() as box:
        yield box


def service(
    folder: Path, clock: Clock | None = None, *, web: Hook | None = None, **settings: Any
) -> JarvisNotificationService:
    if web is not None:
        address = f"json://user:{SECRET}@127.0.0.1:{web.port}/told"
        settings["channels"] = {"web": ChannelConfig(url=address)}  # type: ignore[arg-type]
    config = NotificationConfig(directory=folder, **settings)
    return JarvisNotificationService(config, **({"clock": clock} if clock else {}))


def test_a_mail_says_what_happened_and_what_to_do(tmp_path: Path, post: Mailbox) -> None:
    address = f"mailto://127.0.0.1:{post.port}?from=jarvis@example.org&to=coach@example.org"
    mails = service(tmp_path, channels={"coach": ChannelConfig(url=address)})  # type: ignore[arg-type]
    assert len(mails.notify(FAILED)) == 1
    assert mails.deliver().sent == 1
    (mail,) = post.mails
    assert mail["To"] == "coach@example.org"
    assert mail["Subject"] == "Jarvis error: spotlight/tracks failed for the video final.mp4."
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert "What to do: Upload it again." in text
    assert "What happened: The file is cut off." in text


def test_a_busy_mail_server_gets_it_later(tmp_path: Path, post: Mailbox, clock: Clock) -> None:
    address = f"mailto://127.0.0.1:{post.port}?from=jarvis@example.org&to=coach@example.org"
    mails = service(tmp_path, clock, channels={"coach": ChannelConfig(url=address)})  # type: ignore[arg-type]
    mails.notify(FAILED)
    post.busy = True
    assert mails.deliver().later == 1
    post.busy = False
    assert mails.deliver().sent == 0
    clock.now += 31
    assert mails.deliver().sent == 1
    assert len(post.mails) == 1


def test_one_cause_is_told_once_and_then_counted(tmp_path: Path, web: Hook, clock: Clock) -> None:
    told = service(tmp_path, clock, web=web)
    told.notify(FAILED)
    told.deliver()
    for _ in range(5):
        clock.now += 60
        assert told.notify(FAILED) == []
    assert told.deliver().sent == 0
    clock.now += 14_400
    assert len(told.notify(FAILED)) == 1
    told.deliver()
    assert len(web.posts) == 2
    assert "6 times" in web.posts[1]["message"]
    clock.now += 15_000
    told.notify(FAILED)
    told.deliver()
    assert "times" not in web.posts[2]["message"]


def test_what_came_up_while_the_first_waits_is_in_it(
    tmp_path: Path, web: Hook, clock: Clock
) -> None:
    told = service(tmp_path, clock, web=web)
    for _ in range(3):
        told.notify(FAILED)
    assert told.deliver().sent == 1
    assert "3 times" in web.posts[0]["message"]


def test_notices_without_a_cause_stand_for_themselves(tmp_path: Path, web: Hook) -> None:
    told = service(tmp_path, web=web)
    for _ in range(2):
        told.notify(Notice("backup_failed", "The backup failed.", "error"))
    assert told.deliver().sent == 2


def test_rules_choose_channels_by_event_component_and_severity(tmp_path: Path, web: Hook) -> None:
    rules = (
        RuleConfig(events=("run_*",), severity="error", channels=("web",)),
        RuleConfig(components=("toolchain",), channels=("web",)),
    )
    told = service(tmp_path, web=web, rules=rules)
    assert told.notify(FAILED)
    assert told.notify(Notice("trained", "A model is there.", component="toolchain"))
    assert not told.notify(Notice("run_failed", "Something small.", "warning"))
    assert not told.notify(Notice("results_ready", "Results."))


def test_without_rules_warnings_and_worse_are_told(tmp_path: Path, web: Hook) -> None:
    told = service(tmp_path, web=web)
    assert not told.notify(Notice("results_ready", "Results."))
    assert told.notify(Notice("disk_low", "The disk is nearly full.", "warning"))


@pytest.mark.parametrize(
    ("hour", "severity", "waits_h"),
    [(23, "error", 8), (3, "error", 4), (7, "error", 0), (12, "error", 0), (23, "critical", 0)],
)
def test_quiet_hours_hold_back_what_is_not_critical(
    tmp_path: Path, web: Hook, clock: Clock, hour: int, severity: Any, waits_h: int
) -> None:
    quiet = QuietHoursConfig(start=datetime.time(22), end=datetime.time(7), timezone="UTC")
    told = service(tmp_path, clock, web=web, quiet_hours=quiet)
    clock.now = datetime.datetime(2026, 3, 1, hour, tzinfo=datetime.UTC).timestamp()
    told.notify(Notice("disk_low", "The disk is nearly full.", severity))
    assert told.deliver().sent == (waits_h == 0)
    clock.now += 3600 * waits_h
    told.deliver()
    assert len(web.posts) == 1


def test_quiet_hours_follow_the_clock_of_their_zone(
    tmp_path: Path, web: Hook, clock: Clock
) -> None:
    quiet = QuietHoursConfig(
        start=datetime.time(22), end=datetime.time(7), timezone="America/New_York"
    )
    told = service(tmp_path, clock, web=web, quiet_hours=quiet)
    # Clocks go forward in this night: 07:00 is 11:00 UTC, not 12:00.
    clock.now = datetime.datetime(2026, 3, 8, 4, tzinfo=datetime.UTC).timestamp()
    told.notify(FAILED)
    clock.now = datetime.datetime(2026, 3, 8, 10, 59, tzinfo=datetime.UTC).timestamp()
    assert told.deliver().sent == 0
    clock.now += 60
    assert told.deliver().sent == 1


def test_an_outage_is_tried_again_ever_more_rarely(tmp_path: Path, web: Hook, clock: Clock) -> None:
    told = service(tmp_path, clock, web=web)
    told.notify(FAILED)
    began, tries = clock.now, []
    web.answers = [503] * 6
    while not web.posts:
        if told.deliver().errors:
            tries.append(clock.now - began)
        clock.now += 10
    assert tries == [0, 30, 90, 210, 450, 930]
    (message,) = told.messages()
    assert (message.state, message.tries, message.error) == ("sent", 6, "")


def test_a_refusal_is_tried_once_and_shown(tmp_path: Path, web: Hook, clock: Clock) -> None:
    told = service(tmp_path, clock, web=web)
    told.notify(FAILED)
    web.answers = [403]
    assert told.deliver().failed == 1
    clock.now += 86_400
    assert told.deliver().sent == 0
    (message,) = told.messages("failed")
    assert "web failed: it answered 403" in message.error


def test_slack_takes_it_later_or_never(
    tmp_path: Path, web: Hook, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A webhook of Slack's, which is asked to wait, says `ok`, and is taken away in the end."""
    from apprise.plugins.slack import NotifySlack

    monkeypatch.setattr(NotifySlack, "webhook_url", f"http://127.0.0.1:{web.port}/services")
    monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)  # Apprise's pause between two
    token = "c" * 24
    address = f"slack://T{'A' * 8}/B{'A' * 8}/{token}/#games"
    told = service(tmp_path, clock, channels={"team": ChannelConfig(url=address)})  # type: ignore[arg-type]
    told.notify(FAILED)
    web.answers = [429]
    done = told.deliver()
    assert (done.later, done.sent) == (1, 0)
    assert "team failed: it answered 429" in done.errors[0]
    clock.now += 29  # Retry-After says 30
    assert told.deliver().sent == 0
    clock.now += 2
    assert told.deliver().sent == 1
    (post,) = web.posts
    assert post["channel"] == "#games"
    (shown,) = post["attachments"]
    assert shown["title"] == "Jarvis error: spotlight/tracks failed for the video final.mp4."
    assert "What to do: Upload it again." in shown["text"]
    web.answers = [404]
    told.notify(Notice("disk_low", "The disk is nearly full.", "warning"))
    done = told.deliver()
    assert done.failed == 1
    assert "it answered 404" in done.errors[0]
    assert not any(token in error for error in done.errors)


def test_what_nobody_takes_is_given_up_in_the_end(tmp_path: Path, web: Hook, clock: Clock) -> None:
    told = service(tmp_path, clock, web=web)
    told.notify(FAILED)
    web.answers = [503] * 1000
    while told.messages()[0].state == "waiting":
        told.deliver()
        clock.now += 1800
    assert told.messages()[0].state == "failed"
    assert 172_800 < clock.now - told.messages()[0].first_at < 180_000


def test_the_address_is_never_told(
    tmp_path: Path, web: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = service(tmp_path, web=web)
    web.answers = [503, 403]
    told.notify(FAILED)
    errors = told.deliver().errors
    assert errors
    with pytest.raises(ConfigError) as wrong:
        service(
            tmp_path,
            channels={"x": ChannelConfig(url=f"nothing-known://{SECRET}")},  # type: ignore[arg-type]
        ).check()
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    said = [*errors, str(wrong.value), caplog.text, repr(told._config), kept.decode("latin-1")]
    assert not any(SECRET in text for text in said)


def test_a_process_that_dies_while_sending_loses_nothing(
    tmp_path: Path, web: Hook, clock: Clock
) -> None:
    told = service(tmp_path, clock, web=web)
    told.notify(FAILED)
    program = (
        "import sys, time, pathlib\n"
        "from jarvis_dagster.services.notification.outbox import Outbox\n"
        "message = Outbox(pathlib.Path(sys.argv[1])).claim(float(sys.argv[2]))\n"
        "print(message.channel, flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path), str(clock.now)], stdout=subprocess.PIPE
    ) as dying:
        assert dying.stdout is not None
        assert dying.stdout.readline() == b"web\n"
        assert told.deliver().sent == 0  # it is the other's
        os.kill(dying.pid, signal.SIGKILL)
    clock.now += 121
    assert told.deliver().sent == 1


def test_templates_replace_the_usual_words(tmp_path: Path, web: Hook) -> None:
    words = TemplateConfig(
        title="{{ notice.component }}\nbroke", body="{{ count }}x since {{ first }}"
    )
    told = service(tmp_path, web=web, templates={"run_failed": words})
    told.notify(FAILED)
    told.deliver()
    assert web.posts[0]["title"] == "spotlight broke"
    assert web.posts[0]["message"].startswith("1x since 20")


@pytest.mark.parametrize("body", ["{{ notice.nothing }}", "{% if %}", "{{ ''.__class__.mro() }}"])
def test_a_template_that_cannot_be_filled_in_is_an_error_that_names_it(
    tmp_path: Path, web: Hook, body: str
) -> None:
    told = service(tmp_path, web=web, templates={"run_failed": TemplateConfig(body=body)})
    told.notify(FAILED)
    done = told.deliver()
    assert done.failed == 1
    assert "notification.templates.run_failed" in done.errors[0]


def test_unknown_channels_and_empty_notices_are_refused(tmp_path: Path, web: Hook) -> None:
    with pytest.raises(ValueError, match="'pager', which is not in channels"):
        NotificationConfig(rules=(RuleConfig(channels=("pager",)),))
    with pytest.raises(BadInputError, match="There are: web"):
        service(tmp_path, web=web).test("pager")
    with pytest.raises(BadInputError, match="summary"):
        Notice("x", " ")
    with pytest.raises(ValueError, match="no time zone"):
        QuietHoursConfig(start=datetime.time(1), end=datetime.time(2), timezone="Mars/Base")


@pytest.mark.parametrize(
    "address",
    [
        "mailtos://me:secret@mail.example.org?from=a@example.org&to=b@example.org",
        f"slack://T{'A' * 8}/B{'A' * 8}/{'c' * 24}/#games",
        f"workflows://prod.example.org:443/{'a' * 32}/{'b' * 40}",
        "jsons://hooks.example.org/path",
    ],
)
def test_the_channels_of_the_manual_are_known(tmp_path: Path, address: str) -> None:
    told = service(tmp_path, channels={"x": ChannelConfig(url=address)})  # type: ignore[arg-type]
    told.check()
    assert told.notify(FAILED)


def test_old_messages_are_forgotten(tmp_path: Path, web: Hook, clock: Clock) -> None:
    told = service(tmp_path, clock, web=web)
    told.notify(FAILED)
    told.deliver()
    clock.now += 91 * 86_400
    told.deliver()
    assert told.messages() == []
