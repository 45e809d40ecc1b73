"""Imports images: folder (labelled images), layout (what folders mean), pictures (as arrays)."""
