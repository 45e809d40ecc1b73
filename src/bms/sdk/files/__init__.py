"""Files of this machine as content that is uploaded: their digests, NumPy's formats, and a model's description."""
