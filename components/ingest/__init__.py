"""Read a table from a file or a warehouse, check it against its catalog, write it as Parquet."""
