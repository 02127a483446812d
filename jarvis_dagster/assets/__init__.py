"""What exists: one module a component, in the order in which a video passes through them.

Belongs here: asset definitions, thin: read inputs, call ``hockey`` or a
service, keep the result, record metadata. Does not belong here: analysis,
storage or drive logic.
"""
