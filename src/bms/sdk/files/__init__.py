"""Local files prepared for upload: their digests, NumPy's formats, and a model's description."""
