"""The truth about approval of what is delivered.

Belongs here: the check. Does not belong here: asking (``assets/approving``), deciding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

if TYPE_CHECKING:
    from jarvis_dagster.services.approval import Approval

__all__ = ["A_PERSON_APPROVED_IT", "a_person_approved_it"]

A_PERSON_APPROVED_IT = dg.AssetCheckSpec(
    "a_person_approved_it",
    asset=dg.AssetKey(["delivery", "results"]),
    description="A person has approved exactly these results, or the settings require nobody.",
)


def a_person_approved_it(answer: Approval) -> dg.AssetCheckResult:
    """Check :data:`A_PERSON_APPROVED_IT`; while a person has to look, nothing is delivered."""
    return dg.AssetCheckResult(
        passed=answer.allowed,
        check_name=A_PERSON_APPROVED_IT.name,
        asset_key=A_PERSON_APPROVED_IT.asset_key,
        severity=dg.AssetCheckSeverity.WARN,
        description=answer.words(),
        metadata={
            "approval": answer.id or "not required",
            "content": answer.sha256,
            "decided_by": answer.decided_by or "nobody",
        },
    )
