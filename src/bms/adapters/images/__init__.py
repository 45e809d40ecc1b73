"""Images for import, training and serving: `decoding` makes pixels of encoded images; `pillow` implements the port
`bms.serving.inference.preparation.images.ImageDecoder`, `sizing` resizes pictures to a model's size, `plan` says which
inputs need that."""
