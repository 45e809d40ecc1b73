"""Decoding encoded images: `pillow` is the port `bms.serving.inference.images.ImageDecoder`, `plan` its use."""
