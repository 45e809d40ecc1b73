"""Data sets as files: read from the forms people have, kept as TFRecord, described by a schema.

Read in this order: schema, table, wire, example_codec, tfrecord, examples; then the sources csv, jsonl, npz,
images_folder, tfrecord_source, samples; then split, statistics, quality, manifest, writer, and reader, which is
what training recipes use. Slim: the standard library, NumPy, msgspec and google-crc32c; Pillow for images and
scikit-learn for samples only where they are needed.
"""
