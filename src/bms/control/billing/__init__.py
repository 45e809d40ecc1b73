"""Usage: the books. Events come in exactly once; sums are derived."""
