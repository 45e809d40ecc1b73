"""Authentication and authorisation: credentials and principals."""
