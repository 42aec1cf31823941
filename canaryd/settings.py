"""Everything that can be set, from CANARYD_* or the command line; only `app` and `cli` use it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """canaryd's settings; durations are seconds or ISO 8601 (PT30S)."""

    model_config = SettingsConfigDict(env_prefix="CANARYD_", frozen=True, extra="ignore")

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
    port: int = Field(8080, ge=0, le=65535, description="Port of the above.")
    log_level: str = Field("info", description="debug, info, warning or error.")

    readiness_return: timedelta = Field(
        timedelta(seconds=30),
        description="Unbroken readiness before traffic returns to a lost canary; doubles per loss.",
    )
    contest_window: timedelta = Field(
        timedelta(minutes=10),
        description="A second foreign edit of the weights within this time is a contest.",
    )
    stale_watch: timedelta = Field(
        timedelta(minutes=2), description="Nothing rises on a watch that was silent for longer."
    )
    dead_watch: timedelta = Field(
        timedelta(seconds=90), description="A watch that was silent for longer is opened again."
    )
    evidence_write: timedelta = Field(
        timedelta(seconds=60),
        description="How often the status is written when only evidence moved.",
    )
    warm_up: timedelta = Field(
        timedelta(seconds=30), description="Each pod's first time, left out of the evidence."
    )
    weight_settles: timedelta = Field(
        timedelta(seconds=5),
        description="Requests counted this close to a change of weight are no evidence.",
    )
    share_settles: timedelta = Field(
        timedelta(seconds=30),
        description="So long after a change of weight is the canary's observed share looked at.",
    )
    delivery_write: timedelta = Field(
        timedelta(seconds=30),
        description="Deliveries are written with the next status, at the latest after this.",
    )
    resync: timedelta = Field(
        timedelta(minutes=10), description="How often every Canary is decided again, from memory."
    )
    query_deadline: timedelta = Field(
        timedelta(seconds=10), description="How long one metric query may take."
    )
    pump: timedelta = Field(
        timedelta(milliseconds=100),
        description="Deadlines so close to each other are looked at together.",
    )
    writes_per_second: float = Field(
        400.0,
        gt=0,
        le=100_000,
        description="Writes to the API server per second at most; taking traffic back is exempt.",
    )
    lease_duration: timedelta = Field(
        timedelta(seconds=15), description="How long a lease is good."
    )
    lease_renew: timedelta = Field(timedelta(seconds=5), description="How often it is renewed.")
    request_retention: timedelta = Field(
        timedelta(days=7), description="How long an answered CanaryRequest is kept."
    )
    history_age: timedelta = Field(timedelta(days=90), description="How long history is kept.")
    history_bytes: int = Field(256 << 20, ge=1 << 20, description="How large the history may grow.")
