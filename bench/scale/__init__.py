"""Many Canaries on the real API server: what each costs, and whether they keep their time."""
