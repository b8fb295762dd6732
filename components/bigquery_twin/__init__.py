"""The DART model's twin in BigQuery ML: its columns are sent, and the statements that train and ask it are written."""
