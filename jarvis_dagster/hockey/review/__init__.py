"""Review: what a person should look at, and what comes back from it.

Belongs here: choosing frames, labelling tasks and their reading back,
corrections of results. Does not belong here: drives, stores, training.
"""
