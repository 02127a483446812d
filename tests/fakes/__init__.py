"""Local servers that behave as the providers do, hold state and fail on request."""
