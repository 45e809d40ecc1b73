"""Options that several commands take, and the short forms in which people write them."""
