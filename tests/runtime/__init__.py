"""The loop, with fakes behind its ports."""
