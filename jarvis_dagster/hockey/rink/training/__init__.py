"""Teaching the network that sees the marks on the ice: rendered scenes, real frames, loop."""
