"""Pure decisions: a snapshot and an instant in, a decision out; no clock, no I/O, no logging."""
