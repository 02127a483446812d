"""Each alert has its page, and each page says what it means, where to look and what to do.

That the commands of the pages exist is tested with those of all pages (``test_readme``).
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "docs" / "runbook"
RULES = [
    rule
    for path in sorted((ROOT / "deploy" / "prometheus" / "rules").glob("*.y*ml"))
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
PARTS = ["## What it means", "## Look", "## Do"]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_page(rule: dict[str, Any]) -> None:
    name = rule["alert"]
    assert rule["annotations"].get("runbook_url") == f"runbook/{name}.md"
    page = (RUNBOOK / f"{name}.md").read_text("utf-8")
    assert page.startswith(f"# {name}\n")
    assert re.findall(r"^## .*", page, re.MULTILINE) == PARTS
    look = page[page.index("## Look") : page.index("## Do")]
    assert re.search(r"^jarvis ", look, re.MULTILINE), "no command to look with"


def test_no_page_is_of_an_alert_that_is_gone() -> None:
    assert {path.stem for path in RUNBOOK.glob("*.md")} == {rule["alert"] for rule in RULES}


def test_the_operations_page_lists_every_alert() -> None:
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    assert [r["alert"] for r in RULES if f"(runbook/{r['alert']}.md)" not in told] == []


def test_services_that_the_pages_name_are_those_of_compose() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    named = {
        name
        for page in RUNBOOK.glob("*.md")
        for name in re.findall(
            r"docker compose (?:up -d|restart|logs(?: --tail \d+)?) ([a-z][a-z0-9-]*)",
            page.read_text("utf-8"),
        )
    }
    assert named
    assert named <= set(services)
