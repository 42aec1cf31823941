"""Tells people and their machines about transitions: one module per kind of receiver."""
