"""The tests: one folder per folder of canaryd, and the world of real parts."""
