"""What a user would notice, tried on the real parts of tests.world."""
