"""Everything that can be set, from CANARYD_* or the command line; only `app` and `cli` use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from canaryd.decide.narrate import span
from canaryd.wire.fields import parse_span

PREFIX = "CANARYD_"
SHOWN = 40
"""So many characters of a wrong value are repeated."""
HIGHEST_PORT = 65535
MOST_WRITES = 100_000
LEAST_HISTORY = 1 << 20
_LONGEST = "3650d"
_SECONDS = re.compile(r"[0-9]{1,12}(\.[0-9]{1,9})?")
_ISO = TypeAdapter(timedelta)
_LINKS = re.compile(r"(SERVICE_(HOST|PORT)|PORT_[0-9]).*")
"""What Kubernetes adds, prefix left out, where pods are told of a Service called canaryd."""


def _read(text: str) -> timedelta:
    """Read seconds (30), the form of Canaries (1m30s, 7d) or ISO 8601 (PT30S), or say how to."""
    try:
        if _SECONDS.fullmatch(text):
            return timedelta(seconds=float(text))
        return _ISO.validate_python(text) if text.startswith(("P", "-P")) else parse_span(text)
    except ValueError:  # a ValidationError is one, too
        raise ValueError("give a duration like 30s or 1m30s") from None


def _duration(shortest: str, longest: str = _LONGEST) -> BeforeValidator:
    least, most = parse_span(shortest), parse_span(longest)

    def read(value: object) -> timedelta:
        found = value if isinstance(value, timedelta) else _read(str(value).strip())
        if not least <= found <= most:
            message = f"give at least {shortest}" if found < least else f"give at most {longest}"
            raise ValueError(message)
        return found

    return BeforeValidator(read)


def _number(
    read: Callable[[str], float], fits: Callable[[float], bool], wanted: str
) -> BeforeValidator:
    def within(value: object) -> float:
        try:
            found = read(str(value))
        except ValueError:
            found = None
        if found is None or not fits(found):
            message = f"give {wanted}"
            raise ValueError(message)
        return found

    return BeforeValidator(within)


Level: TypeAlias = Literal["debug", "info", "warning", "error"]


def _level(value: object) -> str:
    name = str(value).lower()
    if name not in get_args(Level):
        raise ValueError("give debug, info, warning or error")
    return name


LogLevel: TypeAlias = Annotated[Level, BeforeValidator(_level)]
Wait: TypeAlias = Annotated[timedelta, _duration("0s")]
Interval: TypeAlias = Annotated[timedelta, _duration("1s")]
"""How often something is done, which costs requests."""
Silence: TypeAlias = Annotated[timedelta, _duration("10s")]
"""How long a watch may be silent; bookmarks come about once a minute."""


class Settings(BaseSettings):
    """canaryd's settings; durations are seconds (30), 1m30s or 7d, or ISO 8601 (PT30S)."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    kubeconfig: str | None = Field(
        None, description="Path of a kubeconfig; without it, in cluster."
    )
    context: str | None = Field(None, description="Context of the kubeconfig.")
    namespace: str | None = Field(
        None,
        description="canaryd's own namespace, for the lease; default: the pod's, else canaryd.",
    )
    metrics_server: str = Field("http://prometheus:9090", description="Prometheus' address.")
    data_dir: Path = Field(
        Path("canaryd-data"), description="Where the history and the daemon's name are kept."
    )
    identity: str | None = Field(
        None,
        description="This daemon's name in the lease; default: one kept in the data directory.",
    )
    listen: str = Field("0.0.0.0", description="Address of /healthz, /readyz, /metrics.")  # noqa: S104
    port: Annotated[
        int, _number(int, lambda port: 0 <= port <= HIGHEST_PORT, "a whole number from 0 to 65535")
    ] = Field(8080, description="Port of the above.")
    log_level: LogLevel = Field("info", description="debug, info, warning or error.")

    readiness_return: Wait = Field(
        timedelta(seconds=30),
        description="Unbroken readiness before traffic returns to a lost canary; doubles per loss.",
    )
    contest_window: Wait = Field(
        timedelta(minutes=10),
        description="A second foreign edit of the weights within this time is a contest.",
    )
    stale_watch: Silence = Field(
        timedelta(minutes=2), description="Nothing rises on a watch that was silent for longer."
    )
    dead_watch: Silence = Field(
        timedelta(seconds=90), description="A watch that was silent for longer is opened again."
    )
    evidence_write: Interval = Field(
        timedelta(seconds=60),
        description="How often the status is written when only evidence moved.",
    )
    warm_up: Wait = Field(
        timedelta(seconds=30), description="Each pod's first time, left out of the evidence."
    )
    weight_settles: Wait = Field(
        timedelta(seconds=5),
        description="Requests counted this close to a change of weight are no evidence.",
    )
    share_settles: Wait = Field(
        timedelta(seconds=30),
        description="So long after a change of weight is the canary's observed share looked at.",
    )
    delivery_write: Wait = Field(
        timedelta(seconds=30),
        description="Deliveries are written with the next status, at the latest after this.",
    )
    resync: Interval = Field(
        timedelta(minutes=10), description="How often every Canary is decided again, from memory."
    )
    query_deadline: Annotated[timedelta, _duration("100ms", "1h")] = Field(
        timedelta(seconds=10), description="How long one metric query may take."
    )
    pump: Annotated[timedelta, _duration("1ms", "1m")] = Field(
        timedelta(milliseconds=100),
        description="Deadlines so close to each other are looked at together.",
    )
    writes_per_second: Annotated[
        float, _number(float, lambda rate: 0 < rate <= MOST_WRITES, "more than 0, at most 100000")
    ] = Field(
        400.0,
        description="Writes to the API server per second at most; taking traffic back is exempt.",
    )
    lease_duration: Annotated[timedelta, _duration("5s", "1h")] = Field(
        timedelta(seconds=15), description="How long a lease is good."
    )
    lease_renew: Interval = Field(timedelta(seconds=5), description="How often it is renewed.")
    request_retention: Annotated[timedelta, _duration("1m")] = Field(
        timedelta(days=7), description="How long an answered CanaryRequest is kept."
    )
    history_age: Annotated[timedelta, _duration("1h")] = Field(
        timedelta(days=90), description="How long history is kept."
    )
    history_bytes: Annotated[
        int, _number(int, lambda size: size >= LEAST_HISTORY, "a whole number of at least 1048576")
    ] = Field(256 << 20, description="How large the history may grow, in bytes.")

    @property
    def lease_deadline(self) -> timedelta:
        """The work is cancelled when no renewal succeeded for so long."""
        return self.lease_duration * 2 / 3

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.lease_renew >= self.lease_deadline:
            message = (
                f"CANARYD_LEASE_RENEW is {span(self.lease_renew)} and CANARYD_LEASE_DURATION"
                f" {span(self.lease_duration)}: have it renewed more often than every"
                f" {span(self.lease_deadline)}, which is two thirds of the duration"
            )
            raise ValueError(message)
        return self


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def unknown(names: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """Variables that look like settings and are none, each with the setting it resembles most."""
    known = [variable(name) for name in Settings.model_fields]
    for name in sorted(names):
        upper = name.upper()
        if not upper.startswith(PREFIX) or upper in known:
            continue
        if not _LINKS.fullmatch(upper.removeprefix(PREFIX)):
            yield name, next(iter(get_close_matches(upper, known, n=1, cutoff=0.8)), None)


def wrong(error: ValidationError, *, options: Mapping[str, str]) -> list[str]:
    """One sentence for each setting that cannot be used; `options` are those that have one."""
    return [_sentence(detail, options) for detail in error.errors()]


def _sentence(detail: ErrorDetails, options: Mapping[str, str]) -> str:
    words = str(detail.get("ctx", {}).get("error", detail["msg"]))
    if not detail["loc"]:
        return words
    name = str(detail["loc"][0])
    called = f"{variable(name)} ({options[name]})" if name in options else variable(name)
    return f"{called} is {str(detail['input'])[:SHOWN]!r}: {words}"
