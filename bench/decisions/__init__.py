"""What canaryd itself spends on a release, in memory."""
