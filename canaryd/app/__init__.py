"""The composition root: settings in, a running daemon out; the only place that joins parts."""
