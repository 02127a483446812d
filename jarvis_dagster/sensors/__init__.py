"""When things happen.

Belongs here: sensors of about ten lines around pure functions. Does not belong
here: what then happens (assets), or how a drive is spoken to (services).
"""
