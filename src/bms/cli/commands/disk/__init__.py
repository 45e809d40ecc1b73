"""The disk: what takes room, and what goes for its age."""
