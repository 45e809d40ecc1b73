"""Options that several commands take, and the parsers of their short forms."""
