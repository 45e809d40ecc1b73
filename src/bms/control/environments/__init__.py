"""Environments as tenants see them: lists them, shows what they hold and who uses them, and prunes unused ones."""
