"""Decisions, from one state and over whole histories."""
