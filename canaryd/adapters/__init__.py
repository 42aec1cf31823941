"""Third-party clients, one per module, each behind a port."""
