"""Session credentials and the Kubernetes Secret they travel in. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from pydantic import SecretStr

from directory_contract import environment as env
from directory_contract.names import storage_secret
from directory_operator import children
from directory_operator.keys import secret_data, secret_texts
from directory_operator.manifests import GROUP, Manifest, ObjectRef
from directory_operator.systems.s3.desired import DesiredBucket
from directory_operator.tenant.model import Tenant

SESSION_ANNOTATION: Final = f"{GROUP}/session"
"""Digest of the credentials and of the rights they were asked with: tells an edited Secret from one we wrote."""
_KEYS: Final = (
    env.S3_ACCESS_KEY_ID_FILE,
    env.S3_SECRET_ACCESS_KEY_FILE,
    env.S3_SESSION_TOKEN_FILE,
    env.S3_EXPIRES_AT_FILE,
)
BUCKET_ANNOTATION: Final = f"{GROUP}/bucket"


@dataclass(frozen=True, slots=True)
class StorageSession:
    """Credentials that run out by themselves."""

    access_key_id: str
    secret_access_key: SecretStr
    session_token: SecretStr
    expires_at: datetime

    def secret_data(self) -> dict[str, str]:
        """The keys and plain values of a Secret."""
        return {
            env.S3_ACCESS_KEY_ID_FILE: self.access_key_id,
            env.S3_SECRET_ACCESS_KEY_FILE: self.secret_access_key.get_secret_value(),
            env.S3_SESSION_TOKEN_FILE: self.session_token.get_secret_value(),
            env.S3_EXPIRES_AT_FILE: self.expires_at.isoformat(),
        }

    @classmethod
    def from_secret(cls, texts: Mapping[str, str]) -> "StorageSession | None":
        """The session in a Secret's data; None if it is not complete."""
        try:
            return cls(
                texts[env.S3_ACCESS_KEY_ID_FILE],
                SecretStr(texts[env.S3_SECRET_ACCESS_KEY_FILE]),
                SecretStr(texts[env.S3_SESSION_TOKEN_FILE]),
                datetime.fromisoformat(texts[env.S3_EXPIRES_AT_FILE]),
            )
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True)
class ObservedSecret:
    """The Secret as it is, without what is secret in it."""

    manifest: Manifest
    """Metadata alone: enough to say whose it is."""
    problem: str
    """How it differs from what we would have written; empty when it does not."""
    expires_at: datetime | None


def renewal_due(expires_at: datetime, lifetime_seconds: int, now: datetime) -> bool:
    """Whether less than half of a session's life is left."""
    return expires_at - now < timedelta(seconds=lifetime_seconds / 2)


def secret_ref(tenant: Tenant) -> ObjectRef:
    """The Secret of the tenant's session."""
    return ObjectRef("v1", "Secret", storage_secret(tenant.name), tenant.namespace)


def secret_manifest(tenant: Tenant, wanted: DesiredBucket, session: StorageSession) -> Manifest:
    """The Secret that holds `session`."""
    data = secret_data(session.secret_data())
    annotations = {BUCKET_ANNOTATION: wanted.name, SESSION_ANNOTATION: _digest(data, wanted)}
    metadata = children.metadata(tenant, storage_secret(tenant.name))
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {**metadata, "annotations": annotations},
        "data": data,
    }


def observed_secret(tenant: Tenant, wanted: DesiredBucket, live: Manifest | None) -> ObservedSecret | None:
    """What matters about the live Secret."""
    if live is None:
        return None
    session = StorageSession.from_secret(secret_texts(live))
    manifest = {"apiVersion": "v1", "kind": "Secret", "metadata": live["metadata"]}
    return ObservedSecret(manifest, _problem(tenant, wanted, live, session), session.expires_at if session else None)


def session_for(observed: ObservedSecret | None, bucket: str) -> bool:
    """Whether the Secret says that its tenant had this bucket before."""
    annotations: Mapping[str, Any] = (observed.manifest["metadata"].get("annotations") or {}) if observed else {}
    return annotations.get(BUCKET_ANNOTATION) == bucket


def _problem(tenant: Tenant, wanted: DesiredBucket, live: Manifest, session: StorageSession | None) -> str:
    if session is None:
        return "it is incomplete"
    annotations = live["metadata"].get("annotations") or {}
    if annotations.get(SESSION_ANNOTATION) != _digest(live.get("data") or {}, wanted):
        return "it was edited, or is for other rights"
    metadata = children.metadata(tenant, storage_secret(tenant.name))
    path = children.difference(metadata, live["metadata"], "metadata")
    return f"{path} differs" if path else ""


def _digest(data: Mapping[str, str], wanted: DesiredBucket) -> str:
    """Of our own keys: others may be added by others, and server-side apply would not take them away."""
    ours = {key: data.get(key) for key in _KEYS}
    text = json.dumps([ours, wanted.name, wanted.session_policy], sort_keys=True)
    return sha256(text.encode()).hexdigest()[:32]
