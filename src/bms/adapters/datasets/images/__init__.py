"""Images as a data set: folder (labelled images), layout (what folders mean), pictures (as arrays)."""
