"""Measurements against named peers; each prints ratios, and with `--json` one line a figure."""
