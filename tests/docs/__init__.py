"""The documentation says what is true: generated blocks, links, examples and words are checked."""
