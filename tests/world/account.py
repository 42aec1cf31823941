"""A service account as a program in a pod has it: token, CA, namespace, and a kubeconfig."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.world.api import Api, path_of
from tests.world.plan import kubeconfig

MOUNTED = "/run/secrets/kubernetes.io"
# Own mounts for one process: the files of a pod at the place where a pod has them.
AS_POD = f'mount -t tmpfs tmpfs /run && mkdir -p {MOUNTED} && ln -s "$0" {MOUNTED}/serviceaccount'


@dataclass(frozen=True, slots=True)
class Account:
    """The files lie in `folder` as in a pod: token, ca.crt, namespace; and a kubeconfig."""

    folder: Path
    server: str
    token: str

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def token_file(self) -> Path:
        return self.folder / "token"

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.crt"

    @property
    def environment(self) -> Mapping[str, str]:
        """What Kubernetes sets in each pod so that its API server is found."""
        address = urlsplit(self.server)
        return {
            "KUBERNETES_SERVICE_HOST": str(address.hostname),
            "KUBERNETES_SERVICE_PORT": str(address.port),
        }

    def in_pod(self, *command: str | Path) -> list[str]:
        """The command with the account's files at /var/run/secrets, as in a pod; same process."""
        run = f'{AS_POD} && exec "$@"'
        return ["unshare", "--mount", "sh", "-ec", run, str(self.folder), *map(str, command)]


def issue(
    api: Api, folder: Path, *, namespace: str, name: str, server: str, ca: Path, seconds: int
) -> Account:
    """Ask the API server for a token of an account that exists."""
    path = path_of("serviceaccounts", namespace, name, "token")
    wanted = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": seconds},
    }
    token: str = api.post(path, wanted)["status"]["token"]
    folder.mkdir(parents=True, exist_ok=True)
    account = Account(folder, server, token)
    _write(folder, token, namespace, ca.read_text())
    account.kubeconfig.write_text(kubeconfig(server, token, account.ca_file, namespace))
    return account


def _write(folder: Path, token: str, namespace: str, ca: str) -> None:
    files: Sequence[tuple[str, str]] = (("token", token), ("namespace", namespace), ("ca.crt", ca))
    for name, text in files:
        (folder / name).write_text(text)
