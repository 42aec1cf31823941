"""How canaryd logs: JSON lines, or colours on a terminal (without NO_COLOR); never a secret.

Lines of the libraries' own loggers take the same form.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor

SECRET_KEYS = frozenset({"token", "authorization", "password", "secret", "address"})
REDACTED = "***"
_NOT_SHOWN = frozenset({"exc_info", "_record"})
"""What later stages need as it is."""
_LOGIN = re.compile(r"://[^/@\s]+@")
"""What stands before the host in an address."""
_QUIET = {"apscheduler": logging.ERROR, "aiohttp.access": logging.ERROR, "urllib3": logging.ERROR}


def redact(_: object, __: str, event: EventDict) -> EventDict:
    """Hide the values of fields that hold secrets, however deep they lie."""
    return {
        name: value if name in _NOT_SHOWN else _shown(name, value) for name, value in event.items()
    }


def _shown(name: object, value: object) -> object:
    if isinstance(name, str) and name.lower() in SECRET_KEYS:
        return REDACTED
    if isinstance(value, str):
        return _LOGIN.sub(f"://{REDACTED}@", value) if "@" in value else value
    if isinstance(value, Mapping):
        inner = cast("Mapping[object, object]", value)
        return {key: _shown(key, part) for key, part in inner.items()}
    if isinstance(value, list | tuple):
        return [_shown(None, part) for part in cast("list[object]", value)]
    return value


def _dumps(value: object, **_: Any) -> str:  # noqa: ANN401
    return orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def configure(
    *, level: str = "info", stream: TextIO = sys.stderr, console: bool | None = None
) -> None:
    """Set up logging for the process; `console` None asks whether the stream is a terminal."""
    pretty = stream.isatty() if console is None else console
    ending: list[Processor]
    if pretty:
        ending = [structlog.dev.ConsoleRenderer(colors=not os.environ.get("NO_COLOR"))]
    else:
        ending = [
            structlog.processors.format_exc_info,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(serializer=_dumps),
        ]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared[:-1], structlog.stdlib.ExtraAdder(), redact],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(least)
