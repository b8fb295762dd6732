"""Forecast the future of new rows with a trained model."""
