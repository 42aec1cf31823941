"""Reads Secrets, one at a time and only when something is to be delivered; keeps nothing."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping

import msgspec

from canaryd.adapters.kube.api import Api
from canaryd.adapters.kube.kinds import Call, part
from canaryd.model.errors import RefusedError, UnreachableError


class _Secret(msgspec.Struct):
    data: dict[str, str] | None = None


class KubeSecrets:
    """`ports.Secrets`."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def read(self, namespace: str, name: str) -> Mapping[str, str]:
        """Return the decoded data; raises RefusedError when it is not text."""
        path = f"/api/v1/namespaces/{part(namespace)}/secrets/{part(name)}"
        call = Call("get", "secrets", path, f"{namespace}/{name}")
        try:
            secret = msgspec.json.decode(await self._api.send(call), type=_Secret)
        except msgspec.DecodeError as error:
            raise UnreachableError(call.says("the answer is no Secret")) from error
        try:
            return {
                key: b64decode(text).decode().strip() for key, text in (secret.data or {}).items()
            }
        except (Error, UnicodeDecodeError) as error:
            raise RefusedError(call.says("the data is not text")) from error
