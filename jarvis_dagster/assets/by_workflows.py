"""What Temporal's workflows make, as external assets: seen in the lineage, made elsewhere.

Belongs here: one specification a workflow. Does not belong here: the workflows
(``jarvis_dagster/workflows``), and telling when one has ended (``sensors/workflow_results.py``).
"""

from __future__ import annotations

import dagster as dg

__all__ = ["MADE_BY", "workflow_assets"]

_KEYS = {
    "autonomous-hockey-analysis": ("Decisions of the loop that adapts and retrains.", []),
    "computer-vision": (
        "Tables of a video that was analysed by a workflow.",
        [["footage", "video"]],
    ),
    "hockey-detection": (
        "A detector that was trained by a workflow, registered as the challenger.",
        [["toolchain", "dataset"]],
    ),
    "video-detection": (
        "The people in a long video, found part by part by any number of workers.",
        [["footage", "video"]],
    ),
}

MADE_BY = {name: dg.AssetKey(["workflows", name.replace("-", "_")]) for name in _KEYS}
"""The asset of each workflow."""


def workflow_assets(pages: str, known: set[dg.AssetKey]) -> list[dg.AssetSpec]:
    """The external assets.

    Args:
        pages: Address of Temporal's page.
        known: The assets of this code location; what is not among them is no dependency.
    """
    return [
        dg.AssetSpec(
            MADE_BY[name],
            deps=[dg.AssetKey(key) for key in deps if dg.AssetKey(key) in known],
            description=text,
            group_name="workflows",
            kinds={"temporal"},
            owners=["team:autopilot" if name.startswith("autonomous") else "team:spotlight"],
            metadata={
                "workflow": name,
                "workflows": dg.MetadataValue.url(f"{pages}?query=WorkflowType%3D%22{name}%22"),
                "command": f"jarvis workflow list --workflow {name}",
            },
        )
        for name, (text, deps) in _KEYS.items()
    ]
