"""Decoding encoded images: `pillow` is the port `bms.serving.inference.preprocess.ImageDecoder`, `plan` its use."""
