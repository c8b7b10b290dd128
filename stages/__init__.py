"""Verbs: one stage a file, plain Python, testable with lists. No Beam."""
