"""The link claims as Parquet columns, for analysis of the whole graph."""
