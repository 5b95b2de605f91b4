"""The pool's Secret: the credentials with which a platform's pooled API fleet reaches every backend.

It is stored before a backend hears of any password in it. Object storage values are session credentials that run out:
they are added when the store answers, and renewed when half of their life is over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from directory_contract import environment as env
from directory_contract.names import pool_secret, pooled_login, pooled_redis_user
from directory_operator.children import MANAGED_BY, MANAGED_BY_LABEL
from directory_operator.errors import Conflict
from directory_operator.keys import (
    new_context_key,
    new_generation,
    new_password,
    new_signing_key,
    secret_data,
    secret_texts,
)
from directory_operator.kube import Kube
from directory_operator.manifests import API_VERSION, GROUP, Manifest, ObjectRef
from directory_operator.platform.credentials import PoolCredentials
from directory_operator.tenant.model import Platform

GENERATION_ANNOTATION = f"{GROUP}/credential-generation"


@dataclass(frozen=True, slots=True)
class Pool:
    """The Secret as it is stored."""

    credentials: PoolCredentials
    texts: Mapping[str, str]


class PoolSecret:
    """Reads and writes the pool's Secret of one platform."""

    def __init__(self, kube: Kube, platform: Platform, namespace: str, shared: Mapping[str, str]) -> None:
        """`shared` are further files of the fleet by name: authorities, and whom it is towards the Sentinels."""
        self._kube = kube
        self._platform = platform
        self._shared = shared
        self._ref = ObjectRef("v1", "Secret", pool_secret(platform.name), namespace)

    async def ensure(self) -> Pool:
        """The Secret with every password in it; what is missing is made and stored first."""
        live = await self._kube.get(self._ref)
        if live is not None and not self._ours(live):
            raise Conflict(f"{self._ref} exists and is not this platform's: delete or rename it")
        texts = secret_texts(live)
        annotations = (live or {}).get("metadata", {}).get("annotations", {})
        generation = annotations.get(GENERATION_ANNOTATION, "")
        wanted = self._fixed() | {key: texts.get(key) or make() for key, make in _MADE.items()}
        same = generation and all(texts.get(key) == value for key, value in wanted.items())
        if same and all(texts.get(key) == value for key, value in self._shared.items()):
            return Pool(_credentials(generation, texts), texts)
        generation = generation if same else new_generation()
        texts = {**texts, **wanted, **self._shared}
        await self._store(texts, generation, live)
        return Pool(_credentials(generation, texts), texts)

    async def add_session(self, pool: Pool, session: Mapping[str, str]) -> None:
        """Store fresh object storage credentials beside the rest."""
        live = await self._kube.get(self._ref)
        await self._store({**pool.texts, **session}, pool.credentials.generation, live)

    def _fixed(self) -> dict[str, str]:
        return {
            env.POSTGRES_USERNAME_FILE: pooled_login(self._platform.name),
            env.REDIS_USERNAME_FILE: pooled_redis_user(self._platform.name),
        }

    def _ours(self, live: Manifest) -> bool:
        return any(each["uid"] == self._platform.uid for each in live["metadata"].get("ownerReferences", []))

    async def _store(self, texts: Mapping[str, str], generation: str, live: Manifest | None) -> None:
        metadata: dict[str, Any] = {
            "name": self._ref.name,
            "namespace": self._ref.namespace,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY, f"{GROUP}/platform": self._platform.name},
            "annotations": {GENERATION_ANNOTATION: generation},
            "ownerReferences": [
                {
                    "apiVersion": API_VERSION,
                    "kind": "DirectoryPlatform",
                    "name": self._platform.name,
                    "uid": self._platform.uid,
                    "controller": True,
                }
            ],
        }
        if live is not None:  # refused if somebody stored other values since we read them
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": secret_data(texts)}
        await self._kube.apply(manifest)


_MADE = {
    env.POSTGRES_PASSWORD_FILE: new_password,
    env.REDIS_PASSWORD_FILE: new_password,
    env.JWT_SIGNING_KEY_FILE: new_signing_key,
    env.CONTEXT_KEY_FILE: new_context_key,
    env.CONTEXT_KEY_ID_FILE: new_generation,
}


def _credentials(generation: str, texts: Mapping[str, str]) -> PoolCredentials:
    return PoolCredentials(
        generation=generation,
        postgres_password=SecretStr(texts[env.POSTGRES_PASSWORD_FILE]),
        redis_password=SecretStr(texts[env.REDIS_PASSWORD_FILE]),
        context_key=SecretStr(texts[env.CONTEXT_KEY_FILE]),
        context_key_id=texts[env.CONTEXT_KEY_ID_FILE],
    )
