"""What must be true of every video's tables, ledger and highlights.

Belongs here: the list of rules, and asking all of them. Does not belong here: making
them hold (:mod:`..plausible`, :mod:`..settling`), whether an event is right.

A rule that blocks says what is impossible: tables are made so that it holds, and where
it does not, program or data are at fault and nothing is delivered. The others say what
is implausible, and warn. ``docs/integrity.md`` lists them all.
"""

from __future__ import annotations

from jarvis_dagster.hockey.events.integrity import game, ledger, people
from jarvis_dagster.hockey.events.integrity.rule import Record, Rule

__all__ = ["RULES", "Record", "Rule", "broken", "rules_about"]

RULES: tuple[Rule, ...] = (*people.RULES, *ledger.RULES, *game.RULES)


def rules_about(table: str) -> tuple[Rule, ...]:
    """The rules on ``tracks``, ``positions``, ``events`` or ``highlights``."""
    return tuple(rule for rule in RULES if rule.about == table)


def broken(record: Record, table: str = "") -> dict[str, list[str]]:
    """By the name of each rule that does not hold, what breaks it.

    Args:
        record: The rules on tables that it has not got are left out.
        table: Only the rules on it; on all tables by default.
    """
    chosen = rules_about(table) if table else RULES
    found = {rule.name: rule.against(record) for rule in chosen}
    return {name: sentences for name, sentences in found.items() if sentences}
