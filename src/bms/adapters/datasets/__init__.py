"""Data sets as files: imported from common formats, stored as TFRecord, described by a schema.

Read in this order: schema, columns, table, findings; tfrecord (records, examples, writer); then the sources: csv, json,
arrow (Parquet), images, npz, tfrecord.source, samples; then parts, split, statistics (measures), quality, manifest, and
reader, which is what training code uses (frames). Slim: the standard library, NumPy, msgspec and google-crc32c; Pillow
for images, scikit-learn for samples, pyarrow for Parquet and pandas for frames only where they are needed.
"""
