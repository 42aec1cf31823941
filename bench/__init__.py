"""Measurements on the test world: ratios and counts matter, absolute times do not."""
