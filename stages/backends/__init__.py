"""Vendors: one adapter a file behind a Protocol; heavy imports happen in open()."""
