"""The claims once more as Parquet columns, for analysis of the whole graph."""
