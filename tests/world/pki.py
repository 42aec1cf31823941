"""Keys and certificates of the world, made once: good for nothing outside its namespace."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

RECIPE = "ec p-256, rsa account key, 1"
NAMES = (
    "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,"
    "IP:127.0.0.1,IP:10.96.0.1,IP:10.244.255.254"
)
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650")


@dataclass(frozen=True, slots=True)
class Tls:
    """The certificate that the proxy shows, and the CA that vouches for what is behind it."""

    certificate: Path
    key: Path
    ca: Path

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca))


def make(folder: Path) -> None:
    """Write ca.crt, ca.key, server.crt, server.key (API server and proxies) and sa.key."""

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)

    authority = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
    subject = ("-subj", "/CN=test world authority")
    openssl("req", "-x509", *CURVE, *authority, *subject, "-keyout", "ca.key", "-out", "ca.crt")
    openssl(
        *("req", "-x509", *CURVE, "-CA", "ca.crt", "-CAkey", "ca.key", "-subj", "/CN=apiserver"),
        *("-addext", f"subjectAltName={NAMES}", "-addext", "basicConstraints=critical,CA:false"),
        *("-addext", "keyUsage=critical,digitalSignature,keyEncipherment"),
        *("-addext", "extendedKeyUsage=serverAuth"),
        *("-keyout", "server.key", "-out", "server.crt"),
    )
    openssl("genrsa", "-out", "sa.key", "2048")
    for key in folder.glob("*.key"):
        key.chmod(0o600)
