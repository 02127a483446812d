"""What the commands of ``jarvis`` do, as plain functions.

Belongs here: one module a command or group of commands. Does not belong here:
options and help (``cli.py``), or logic that others use too.
"""
