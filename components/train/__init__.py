"""Train the configured model and keep its best epoch."""
