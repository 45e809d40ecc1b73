"""Conversion of versions to other formats, each proved equal to its parent before it is registered."""
