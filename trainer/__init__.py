"""Trains the embedded recognizer and codec, fits the embedded limits; later the spoken language model."""
