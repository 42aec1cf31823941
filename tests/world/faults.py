"""What a fault proxy can do to requests and to open watches, and which requests it does it to."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Self, TypeAlias

WRITES = frozenset({"PATCH", "POST", "PUT", "DELETE"})


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP status of the proxy's own, with a body as the API server words it."""

    code: int
    retry_after: int | None = None
    message: str = "a fault of the test world"


@dataclass(frozen=True, slots=True)
class Body:
    """An answer of the proxy's own. In an open watch: one more line."""

    text: str
    code: int = 200
    content: str = "application/json"


@dataclass(frozen=True, slots=True)
class Hang:
    """Take the request and never answer."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the connection: without an answer, or in the middle of one (of a watch's line)."""

    inside: bool = False


@dataclass(frozen=True, slots=True)
class LoseAnswer:
    """Let the request be carried out, then close the connection instead of answering."""


@dataclass(frozen=True, slots=True)
class Delay:
    """Wait before the request is handed on."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Gone:
    """Watches only: an ERROR event with code 410, then the end. (As HTTP status: Status(410).)"""


@dataclass(frozen=True, slots=True)
class Silent:
    """Watches only: the connection stays open and nothing comes any more, also later."""


@dataclass(frozen=True, slots=True)
class End:
    """Watches only: a clean end, as when its time is over."""


Fault: TypeAlias = Status | Body | Hang | Cut | LoseAnswer | Delay | Gone | Silent | End

HTML = Body("<html><body><h1>Please log in</h1></body></html>", content="text/html")
NOT_JSON = Body('{"kind": "Lis')


def prometheus_answer(*series: tuple[dict[str, str], str]) -> Body:
    """What Prometheus answers to an instant query: ({label: value}, value), also "NaN"; or none."""
    result = [{"metric": labels, "value": [0, value]} for labels, value in series]
    data = {"resultType": "vector", "result": result}
    return Body(json.dumps({"status": "success", "data": data}))


def status_body(code: int, message: str) -> str:
    reasons = {403: "Forbidden", 409: "Conflict", 410: "Expired", 429: "TooManyRequests"}
    made = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reasons.get(code, "InternalError"),
        "code": code,
    }
    return json.dumps(made)


class Request(NamedTuple):
    """A request that came to the proxy. Status 0: it got no answer."""

    at: float
    method: str
    path: str
    query: str
    agent: str
    status: int
    fault: Fault | None

    @property
    def watch(self) -> bool:
        return re.search(r"(^|&)watch=(1|true)(&|$)", self.query) is not None

    @property
    def writes(self) -> bool:
        return self.method in WRITES


WriteCallback = Callable[[Request], object]


@dataclass(eq=False, slots=True)
class Rule:
    """A fault for the requests that match, until it is removed or was used often enough."""

    fault: Fault
    method: str
    path: str
    watch: bool | None
    times: int | None
    owner: Rules
    used: int = 0

    def matches(self, request: Request) -> bool:
        return (
            (self.times is None or self.used < self.times)
            and self.watch in {None, request.watch}
            and re.fullmatch(self.method, request.method) is not None
            and re.search(self.path, f"{request.path}?{request.query}") is not None
        )

    def remove(self) -> None:
        self.owner.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


@dataclass(eq=False, slots=True)
class Rules:
    """The rules in force; the newest that matches counts."""

    _rules: list[Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(
        self, fault: Fault, *, method: str, path: str, watch: bool | None, times: int | None
    ) -> Rule:
        rule = Rule(fault, method, path, watch, times, self)
        with self._lock:
            self._rules.insert(0, rule)
        return rule

    def remove(self, rule: Rule) -> None:
        with self._lock:
            self._rules = [one for one in self._rules if one is not rule]

    def clear(self) -> None:
        with self._lock:
            self._rules = []

    def take(self, request: Request) -> Fault | None:
        """The fault for a request, counted as used."""
        with self._lock:
            for rule in self._rules:
                if rule.matches(request):
                    rule.used += 1
                    return rule.fault
        return None
