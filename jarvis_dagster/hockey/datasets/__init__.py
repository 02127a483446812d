"""Labelled pictures: read from what labelling tools write, checked, split, told apart by content.

Belongs here: formats, the one internal form, validation, splits by video, differences between
versions. Does not belong here: where versions are kept (``toolchain``), training.
"""

from jarvis_dagster.hockey.datasets.checking import Finding, Report, check_dataset
from jarvis_dagster.hockey.datasets.classes import ClassMap, read_class_map
from jarvis_dagster.hockey.datasets.diff import compare_datasets
from jarvis_dagster.hockey.datasets.exporting import EXPORTS, export_dataset
from jarvis_dagster.hockey.datasets.folder import open_dataset, write_dataset
from jarvis_dagster.hockey.datasets.importing import Options, read_dataset
from jarvis_dagster.hockey.datasets.model import Dataset, Picture
from jarvis_dagster.hockey.datasets.pages import write_report
from jarvis_dagster.hockey.datasets.splits import Split, require_no_leakage, split_dataset

__all__ = [
    "EXPORTS",
    "ClassMap",
    "Dataset",
    "Finding",
    "Options",
    "Picture",
    "Report",
    "Split",
    "check_dataset",
    "compare_datasets",
    "export_dataset",
    "open_dataset",
    "read_class_map",
    "read_dataset",
    "require_no_leakage",
    "split_dataset",
    "write_dataset",
    "write_report",
]
