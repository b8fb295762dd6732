"""Search for better settings of a training: the space, the study, and the record of its trials."""
