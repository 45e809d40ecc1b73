"""What commands print: tables for people, JSON for programs, and text of others made harmless."""
