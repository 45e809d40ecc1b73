"""The TensorFlow runtime: SavedModels run by TensorFlow. Read runtime, signature; folder, file, examples and refused
look at bytes."""
