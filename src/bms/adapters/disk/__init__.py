"""The disk that a home lies on."""
