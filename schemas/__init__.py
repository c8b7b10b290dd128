"""Nouns: immutable records, the recipe and the Arrow columns. No Beam, no torch."""
