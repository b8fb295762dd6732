"""Parity: every task of a run once more as its image runs it, and whether the same came out."""
