"""Attribute forecasts to features."""
