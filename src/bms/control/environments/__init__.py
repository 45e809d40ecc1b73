"""Environments as tenants see them: which there are, what they hold, who uses them, and which may go."""
