"""Asset checks: each name states a truth.

Belongs here: what must hold for a table or a delivery. Does not belong here:
mending what does not hold.
"""
