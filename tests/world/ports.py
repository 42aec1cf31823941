"""Ports for what a test starts beside the world's parts."""

from __future__ import annotations

import itertools
import socket

# Below the ports that the kernel lends to clients, above those of the parts; never given twice, so
# that whatever a test left behind is in nobody's way.
_numbers = itertools.count(20_000)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, for one use."""
    while True:
        port = next(_numbers)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
