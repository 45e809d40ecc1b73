"""Output of commands: tables for people, JSON for programs, and untrusted text made harmless."""
