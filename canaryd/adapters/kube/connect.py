"""Makes the process's one ApiClient: address, TLS and credentials, in cluster or by kubeconfig.

Makes no request. Credentials are read again while canaryd runs: tokens of pods change hourly.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from canaryd.adapters.kube.library import (
    ApiClient,
    ConfigException,
    Configuration,
    InClusterConfigLoader,
    load_kube_config,
)
from canaryd.model.errors import RefusedError
from canaryd.ports import Clock

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TOKEN_AGE = 60.0
_KUBECONFIG_AGE = 300.0
_BEARER = "BearerToken"
HOME = "~/.kube/config"
UNUSABLE = (
    ConfigException,
    OSError,
    yaml.YAMLError,
    TypeError,
    KeyError,
    ValueError,
    AttributeError,
)
"""What the library raises for a kubeconfig: it does not look at what it is given."""


@dataclass(frozen=True, slots=True)
class Connection:
    """The client, and a way to say that its credentials were not accepted."""

    client: ApiClient
    expire: Callable[[], None]


async def connect_in_cluster(
    clock: Clock,
    *,
    environ: Mapping[str, str] = os.environ,
    service_account: Path = SERVICE_ACCOUNT,
) -> Connection:
    """Connect as a pod does; raises RefusedError when this is no pod."""
    token = service_account / "token"
    configuration = Configuration()
    loader = InClusterConfigLoader(
        token_filename=str(token),
        cert_filename=str(service_account / "ca.crt"),
        try_refresh_token=False,
        environ=dict(environ),
    )
    try:
        loader.load_and_set(configuration)
    except (ConfigException, OSError) as error:
        message = f"not in a cluster ({error}); outside of one, give --kubeconfig"
        raise RefusedError(message) from error
    refresh = _TokenFile(token, clock)
    refresh(configuration)
    return _connection(configuration, refresh, refresh.expire)


async def connect_by_kubeconfig(
    clock: Clock, *, path: str | None = None, context: str | None = None
) -> Connection:
    """Connect as kubectl does; raises RefusedError when the file cannot be used."""
    configuration = Configuration()
    refresh = _Kubeconfig(path, context, clock)
    try:
        await refresh.load(configuration)
    except UNUSABLE as error:
        raise RefusedError(
            _unusable(path or os.environ.get("KUBECONFIG") or HOME, error)
        ) from error
    return _connection(configuration, refresh, refresh.expire)


def kubeconfigs(paths: str) -> list[Path]:
    """Return those of the files that are there; several are named as in KUBECONFIG."""
    found = (Path(path).expanduser() for path in paths.split(os.pathsep) if path)
    return [path for path in found if path.exists()]


def _unusable(paths: str, error: Exception) -> str:
    """Say what is wrong with a kubeconfig that the library could not read."""
    files = kubeconfigs(paths)
    if not files:
        return f"there is no kubeconfig {paths}; give the path of one with --kubeconfig"
    faults = ((path, _fault(path)) for path in files)
    place, fault = next(((path, fault) for path, fault in faults if fault), (paths, str(error)))
    return f"cannot use the kubeconfig {place}: {' '.join(fault.split())}"


def _fault(path: Path) -> str | None:
    """What one file has instead of a kubeconfig; None: it looks like one."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        return "it is not text in UTF-8"
    except (OSError, yaml.YAMLError) as error:
        return str(error)
    if found is None:
        return "it is empty"
    if not isinstance(found, dict):
        return "it is no mapping with clusters, users and contexts"
    return None


def own_namespace(service_account: Path = SERVICE_ACCOUNT) -> str | None:
    """The namespace of this pod; None when this is no pod."""
    try:
        return (service_account / "namespace").read_text().strip() or None
    except OSError:
        return None


def _connection(
    configuration: Configuration, refresh: Callable[..., object], expire: Callable[[], None]
) -> Connection:
    configuration.refresh_api_key_hook = refresh
    # Python 3.13 refuses the CA certificates that kubeadm makes when it is strict.
    configuration.disable_strict_ssl_verification = True
    try:
        client = ApiClient(configuration)
    except OSError as error:  # the certificates are read here; ssl.SSLError is an OSError
        message = f"cannot use the certificates for {configuration.host}: {error}"
        raise RefusedError(message) from error
    return Connection(client, expire)


class _TokenFile:
    """Reads a pod's token again each minute; keeps the last one when it cannot be read.

    The library's own refresh keeps a line end at the token's end, which no header may have.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._read_at: float | None = None

    def __call__(self, configuration: Configuration) -> None:
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < _TOKEN_AGE:
            return
        try:
            token = self._path.read_text().strip()
        except OSError:
            return
        if token:
            self._read_at = now
            configuration.api_key[_BEARER] = f"Bearer {token}"

    def expire(self) -> None:
        """Read the token again at the next request."""
        self._read_at = None


class _Kubeconfig:
    """Reads a kubeconfig again now and then: its token file or its command may have a new token."""

    def __init__(self, path: str | None, context: str | None, clock: Clock) -> None:
        self._path = path
        self._context = context
        self._clock = clock
        self._read_at: float | None = None

    async def __call__(self, configuration: Configuration) -> None:
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < _KUBECONFIG_AGE:
            return
        self._read_at = now  # before the wait, so that only one request does it
        fresh = Configuration()
        try:
            await self.load(fresh)
        except UNUSABLE:
            return
        configuration.api_key.update(fresh.api_key)

    async def load(self, configuration: Configuration) -> None:
        """Read the file into the configuration."""
        self._read_at = self._clock.monotonic()
        await load_kube_config(
            config_file=self._path,
            context=self._context,
            client_configuration=configuration,
            persist_config=False,
        )

    def expire(self) -> None:
        """Read the file again at the next request."""
        self._read_at = None
