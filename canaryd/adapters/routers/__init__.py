"""The ways to share requests between two sides, one module per mesh."""
