"""The measurements' own arithmetic: figures that are computed wrongly are worse than none."""
