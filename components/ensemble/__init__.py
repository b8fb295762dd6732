"""Combine models of the same forecast into one, with weights found on validation."""
