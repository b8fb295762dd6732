"""The six stages of a Tandem pipeline, one room each, and ``shared`` for what they must agree on."""
