"""TFRecord files, ours and those of others. Read records (the framing), examples (rows), writer, source."""
