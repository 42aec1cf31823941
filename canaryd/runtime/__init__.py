"""The loop: store, queue, gather, act, commit; it knows ports and no client library."""
