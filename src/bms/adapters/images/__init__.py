"""Encoded images: `decoding` makes pixels of them for import, training and serving alike; `pillow` is the port
`bms.serving.inference.preparation.images.ImageDecoder`, `sizing` brings pictures to a model's size, `plan` is their
use."""
