"""From a metrics server's name to what can be asked, or to why it cannot; never raises."""

from __future__ import annotations

from canaryd.model.answered import Answered
from canaryd.model.errors import CanarydError, TerminalError
from canaryd.model.gates import MetricsServer
from canaryd.model.question import Failed
from canaryd.ports import Metrics, MetricsServers


async def reach(servers: MetricsServers, server: MetricsServer | None) -> Metrics | Failed:
    """Find the server; a login that cannot be read is an answer like any other."""
    try:
        return await servers.find(server)
    except CanarydError as error:
        refused = isinstance(error, TerminalError)
        answered = Answered.REFUSED if refused else Answered.UNAVAILABLE
        return Failed(answered, f"the metrics server was not asked: {error}")
