"""Asks a Prometheus (or what speaks its API) for samples; knows queries, answers and failures."""
