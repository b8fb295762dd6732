"""Symbolic image names. ``python -m pipelines compile`` replaces them by the images of a profile, with digests.

Code never names a registry: the local runner needs no image, and in the cloud the operator decides which one runs.
"""

BASE = "tandem-base"
SUITE = "tandem-suite"
