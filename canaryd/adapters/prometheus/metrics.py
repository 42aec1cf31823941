"""Implements `ports.Metrics` for one metrics server with prometheus-api-client."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from canaryd.adapters.prometheus import past, server_time
from canaryd.adapters.prometheus.client import Client
from canaryd.adapters.prometheus.counting import Counting
from canaryd.adapters.prometheus.login import ANONYMOUS, Login
from canaryd.adapters.prometheus.samples import Samples
from canaryd.adapters.prometheus.session import Server
from canaryd.adapters.prometheus.threads import Share, Threads
from canaryd.model.answered import Answered
from canaryd.model.names import Key
from canaryd.model.past import Past
from canaryd.model.question import Failed, PastQuestion, Question, ServerTime, TileQuestion
from canaryd.model.snapshot import Sample
from canaryd.model.tile import Tile
from canaryd.ports import Clock

DEADLINE = timedelta(seconds=10)
REST = timedelta(seconds=5)
THREADS = 16
GROUP = 50
"""So many canaries share a query."""


class PrometheusMetrics:
    """Asks one metrics server; what goes wrong is said in the answers."""

    def __init__(
        self,
        address: str,
        *,
        clock: Clock,
        counted: Callable[[Answered], None],
        deadline: timedelta = DEADLINE,
        rest: timedelta = REST,
        threads: int = THREADS,
        group: int = GROUP,
        ca_file: str | None = None,
        login: Login = ANONYMOUS,
        share: Share | None = None,
    ) -> None:
        """Without a `share` of others' threads it has its own; raises RefusedError."""
        server = Server(address, connections=threads, ca_file=ca_file, login=login)
        self._own: Threads | None = None
        if share is None:
            self._own = Threads(threads)
            share = Share(self._own, threads)
        self._client = Client(server, share, clock=clock, deadline=deadline, rest=rest)
        self._counted = counted
        self._group = group

    @property
    def login_refused(self) -> bool:
        """Whether the server's last answer was that the login is not good (401 or 403)."""
        return self._client.login_refused

    async def ask(self, questions: Sequence[Question]) -> Mapping[tuple[Key, str], Sample]:
        """One sample per question; never raises."""
        samples = Samples(self._client, group=self._group, counted=self._counted)
        await samples.ask(questions)
        return samples.told

    async def tiles(
        self, questions: Sequence[TileQuestion], *, time: ServerTime
    ) -> Mapping[Key, Tile | Failed]:
        """One tile per question; never raises. A tile asked late gives the same numbers."""
        counting = Counting(self._client, group=self._group, counted=self._counted)
        await counting.ask(questions, time=time)
        return counting.told

    async def past(self, question: PastQuestion) -> Past | Failed:
        """What pods counted, in `span / window` slices; never raises."""
        return await past.past(self._client, question)

    async def time(self, sample: TileQuestion) -> ServerTime | Failed:
        """Its clock, and the scrape interval of the sample's workloads; never raises."""
        return await server_time.server_time(self._client, sample)

    async def close(self) -> None:
        """Close connections, and the threads unless they are shared."""
        if self._own is not None:
            await self._own.close()
        self.drop()

    def drop(self) -> None:
        """Close idle connections; what is being asked fails."""
        self._client.close()
