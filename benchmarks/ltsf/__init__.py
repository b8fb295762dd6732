"""Long-horizon forecasting of public series, under the protocol every paper on them uses."""
