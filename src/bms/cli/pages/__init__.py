"""Detailed views of one thing: a version, a data set, a version's gates."""
