"""Names this daemon in the lease: as it is told, or by a name kept in the data directory.

A restarted process finds its name again, and with it takes its own lease back at once.
"""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from canaryd.model.errors import RefusedError

_FILE = "identity"
_LONGEST = 253


def identity(given: str | None, data_dir: Path) -> str:
    """Return the given name, else the kept one, else a new one that is kept from now on."""
    if given:
        return given
    path = data_dir / _FILE
    try:
        if path.exists():
            kept = path.read_text().strip()
            if 0 < len(kept) <= _LONGEST and kept.isprintable():
                return kept
        name = f"{socket.gethostname()[:200]}-{secrets.token_hex(4)}"
        data_dir.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        unfinished.write_text(f"{name}\n")
        unfinished.replace(path)
    except (OSError, UnicodeDecodeError) as error:
        message = f"cannot keep this daemon's name in {path} ({error}); give --identity"
        raise RefusedError(message) from error
    return name
