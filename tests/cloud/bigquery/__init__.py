"""BigQuery on this machine: its REST API and its Storage Read API over DuckDB, as much of both as the product uses."""
