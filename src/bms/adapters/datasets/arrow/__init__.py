"""Tables from Parquet, by Arrow. Read parquet, columns, int96."""
