"""Data sets as files: read from the forms people have, kept as TFRecord, described by a schema.

Read in this order: schema, columns, table, findings, tfrecord, examples; then the sources csv (csv_encoding,
csv_separator, csv_header, text_cells, declared_cells, decimals), jsonl (json_rows, json_cells), npz, parquet
(arrow_columns, int96), images_folder (images_layout), tfrecord_source, samples; then parts, split, statistics
(measures), quality, manifest, writer, and reader, which is what training code uses (frames). Slim: the standard
library, NumPy, msgspec and google-crc32c; Pillow for images, scikit-learn for samples, pyarrow for Parquet and pandas
for frames only where they are needed.
"""
