"""Split by time with an embargo, fit scaling on train rows, and lay windows over one array."""
