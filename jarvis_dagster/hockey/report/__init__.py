"""The report that a coach reads, and the same numbers for programs.

Belongs here: ``report.html`` and ``report.json``. Does not belong here: finding
anything out; every number comes from the tables.
"""

from jarvis_dagster.hockey.report.writing import SCHEMA_VERSION, ReportData, write_report

__all__ = ["SCHEMA_VERSION", "ReportData", "write_report"]
