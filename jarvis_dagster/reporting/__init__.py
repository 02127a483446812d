"""The weekly reports: of each team, and of the platform.

Belongs here: collecting what a week's report says, its pages, and where they go. Does not belong
here: statistics (``hockey/trends``), the figures of one game (``hockey/report/figures``), when a
report is made (``schedules``).
"""
