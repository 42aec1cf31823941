"""Puts one query at a time to one metrics server, in a thread, with every bound it needs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast

import structlog
from prometheus_api_client.exceptions import PrometheusApiClientException
from prometheus_api_client.prometheus_connect import PrometheusConnect

from canaryd.adapters.prometheus.answers import Reading, Trouble, unavailable
from canaryd.adapters.prometheus.breaker import Breaker, Try
from canaryd.adapters.prometheus.pace import Pace
from canaryd.adapters.prometheus.session import (
    Exchange,
    Reply,
    Server,
    TooLargeError,
    TooLateError,
    TransportError,
)
from canaryd.adapters.prometheus.threads import NEXT, BusyError, Share, Turn
from canaryd.model.answered import Answered
from canaryd.model.query import promql_duration
from canaryd.ports import Clock

_log = structlog.stdlib.get_logger("canaryd.prometheus")
_T = TypeVar("_T")

LONGER = 6
"""So many times longer may a question about the past take: once per rollout."""
SOONER = 0.9
"""The server gives a query up after this part of our patience: it can still say so, and a slow
query is not taken for a server that does not answer."""
SLOW = 0.5
"""A refusal that took longer than this part of our patience is that of a query that is too slow:
servers have many words for it."""
FAILURES = 3
"""So many failures in a row, and the server is spared."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """One query: at an instant (None: the server's now), or from `at - span` on in `step`s."""

    query: str
    at: datetime | None
    span: timedelta | None = None
    step: timedelta = timedelta()
    users: bool = False
    """Whether a user wrote it: it stands alone, and may be too slow for ever."""
    long: bool = False
    """Whether it asks about a long past, and nobody waits for the answer."""


class Client:
    """One metrics server; what goes wrong is a `Trouble`, never an exception."""

    def __init__(
        self, server: Server, share: Share, *, clock: Clock, deadline: timedelta, rest: timedelta
    ) -> None:
        self.server = server
        self.clock = clock
        self.login_refused = False
        """Whether the last answer was 401 or 403."""
        self._share = share
        self._deadline = deadline.total_seconds()
        self._breaker = Breaker(
            failures=FAILURES, rest=rest.total_seconds(), monotonic=clock.monotonic
        )
        self._pace = Pace(clock=clock, usual=SLOW * self._deadline)

    async def ask(self, inquiry: Inquiry, read: Callable[[Reply], _T]) -> _T | Trouble:
        """Ask once; the answer is read in the same thread."""
        if inquiry.users and (why := self._pace.resting(inquiry.query)):
            return self._away(why)
        under_way: list[Try] = []
        # Twice: first for a thread, then for the answer, as name servers know no deadline.
        within = 2 * self._patience(inquiry)
        try:
            return await self._share.run(
                lambda: self._ask(inquiry, read, under_way), within=within, turn=self._turn(inquiry)
            )
        except BusyError as error:
            return self._away(f"not asked: {error} for {within:g} s")
        except TimeoutError:
            for tried in tuple(under_way):
                self._breaker.note(tried, answered=False)
            return self._away(f"no answer within {within:g} s")
        except RuntimeError:
            return self._away("not asked, canaryd is stopping")

    def close(self) -> None:
        """Close idle connections."""
        self.server.close()

    def _turn(self, inquiry: Inquiry) -> Turn:
        if not inquiry.users:
            return NEXT
        return Turn(self._pace.expected(inquiry.query), self._pace.is_slow(inquiry.query))

    def _ask(
        self, inquiry: Inquiry, read: Callable[[Reply], _T], under_way: list[Try]
    ) -> _T | Trouble:
        """Ask once, unless that is known to be in vain; in a thread."""
        if not _is_text(inquiry.query):
            detail = "the query cannot be sent: it holds half a character (a lone surrogate)"
            return Trouble(Reading(Answered.REFUSED, detail=detail))
        if inquiry.users and (why := self._pace.resting(inquiry.query)):
            return self._away(why)  # the same query of another Canary took too long meanwhile
        tried = self._breaker.begin(slow=inquiry.users and self._pace.is_slow(inquiry.query))
        if tried is None:
            return self._away(f"not asked, it did not answer the last {FAILURES} times, or gave up")
        under_way.append(tried)
        reply = self._exchanged(inquiry, tried)
        if not isinstance(reply, Reply):
            return reply
        self.login_refused = reply.status_code in {401, 403}
        return self._read(reply, read)

    def _exchanged(self, inquiry: Inquiry, tried: Try) -> Reply | Trouble:
        """Send the query, and note what that says of the server and of the query."""
        exchange = Exchange(self.server, self._patience(inquiry))
        began = self.clock.monotonic()
        answered: bool | None = False
        try:
            # What comes back is read from the exchange: the client drops warnings and types.
            with suppress(PrometheusApiClientException, ValueError, KeyError, TypeError):
                self._send(inquiry, exchange)
            answered = self._answered(inquiry, exchange, began)
        except TooLargeError as error:
            answered = True
            return self._away(str(error), too_much=True)
        except TooLateError as error:
            self._gave_up(inquiry, exchange, began, rests=self._breaker.others_answered(tried))
            return self._away(str(error))
        except TransportError as error:
            return self._away(str(error))
        except Exception as error:  # noqa: BLE001 - the port promises that nothing is raised
            _log.exception("metrics query failed in canaryd itself")
            return self._away(type(error).__name__)
        finally:
            if answered is not None:
                self._share.proven = answered
                self._breaker.note(tried, answered=answered)
        return exchange.reply or self._away("the client sent nothing")

    def _answered(self, inquiry: Inquiry, exchange: Exchange, began: float) -> bool | None:
        """Whether the server did; None: it gave up, for which a user's query may be to blame.

        Where it gives up canaryd's own, it is overloaded, and spared.
        """
        reply = exchange.reply
        if reply is None:
            return False
        late = not reply.ok and exchange.took > SLOW * self._patience(inquiry)
        if late:
            self._gave_up(inquiry, exchange, began, rests=True)
        elif inquiry.users:
            self._pace.answered(inquiry.query, exchange.took)
        if late and reply.status_code >= 500:  # noqa: PLR2004 - HTTP
            return None if inquiry.users else False
        return True

    def _gave_up(self, inquiry: Inquiry, exchange: Exchange, began: float, *, rests: bool) -> None:
        if inquiry.users:
            self._pace.gave_up(inquiry.query, exchange.took, began=began, rests=rests)

    def _patience(self, inquiry: Inquiry) -> float:
        return self._deadline * (LONGER if inquiry.long else 1)

    def _send(self, inquiry: Inquiry, exchange: Exchange) -> None:
        client = PrometheusConnect(self.server.url, session=cast("Any", exchange), method="POST")
        params = {"timeout": promql_duration(timedelta(seconds=SOONER * self._patience(inquiry)))}
        if inquiry.at is None:
            client.custom_query(inquiry.query, params)
        elif inquiry.span is None:
            client.custom_query(inquiry.query, {"time": _stamp(inquiry.at), **params})
        else:
            start, end = inquiry.at - inquiry.span, inquiry.at
            # The client would round both to whole seconds.
            exact = {"start": _stamp(start), "end": _stamp(end), **params}
            step = f"{inquiry.step.total_seconds():g}"
            client.custom_query_range(inquiry.query, start, end, step, exact)

    def _read(self, reply: Reply, read: Callable[[Reply], _T]) -> _T | Trouble:
        try:
            return self._hidden(read(reply))
        except Exception:  # noqa: BLE001 - the port promises that nothing is raised
            _log.exception("metrics answer could not be read")
            return unavailable(f"{self.server.shown} gave an answer that canaryd cannot read")

    def _hidden(self, found: _T | Trouble) -> _T | Trouble:
        """Blot the login out of words that quote the server; escapes hid it in the answer."""
        if not isinstance(found, Trouble):
            return found
        reading = found.reading
        words = self.server.hide(reading.detail.encode()).decode(errors="replace")
        return replace(found, reading=replace(reading, detail=words))

    def _away(self, why: str, *, too_much: bool = False) -> Trouble:
        return unavailable(f"{self.server.shown} gave no answer: {why}", too_much=too_much)


def _is_text(query: str) -> bool:
    """Whether it can be written as UTF-8."""
    try:
        query.encode()
    except UnicodeEncodeError:
        return False
    return True


def _stamp(at: datetime) -> str:
    return f"{at.timestamp():.3f}"
