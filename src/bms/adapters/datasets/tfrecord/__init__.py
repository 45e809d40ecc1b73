"""Reads and writes TFRecord files. Read records (the framing), examples (rows), writer, source."""
