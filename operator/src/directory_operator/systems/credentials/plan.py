"""What the tenant's Secret lacks. Pure: values are made when the change is applied, so that no plan holds one."""

import json
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from directory_contract.environment import JWT_SIGNING_KEY_FILE
from directory_contract.names import tenant_secret
from directory_operator.children import DeleteObject, difference, left_by_predecessor, metadata, owned_by, require_free
from directory_operator.errors import Conflict
from directory_operator.keys import secret_texts
from directory_operator.manifests import GROUP, Manifest, ObjectRef
from directory_operator.systems.credentials.desired import CORE_KEYS, WantedSecret
from directory_operator.systems.credentials.values import fingerprint, usable
from directory_operator.tenant.model import Tenant

GENERATION_ANNOTATION: Final = f"{GROUP}/credential-generation"
FINGERPRINTS_ANNOTATION: Final = f"{GROUP}/credential-fingerprints"


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """The Secret as it is, its values wrapped."""

    manifest: Manifest
    """Without data."""
    values: dict[str, SecretStr]

    @property
    def annotations(self) -> dict[str, str]:
        return self.manifest["metadata"].get("annotations") or {}

    @property
    def generation(self) -> str:
        """Id of this set of credentials, empty where it has none."""
        return self.annotations.get(GENERATION_ANNOTATION, "")

    @property
    def fingerprints(self) -> dict[str, str]:
        """Fingerprint by key of the values that we wrote last."""
        try:
            stored = json.loads(self.annotations.get(FINGERPRINTS_ANNOTATION, "{}"))
        except ValueError:
            return {}
        return stored if isinstance(stored, dict) else {}


@dataclass(frozen=True, slots=True)
class WriteSecret:
    """Write the Secret, with new values for the keys in `renewed`."""

    ref: ObjectRef
    renewed: tuple[str, ...]
    new_generation: bool
    """Whether the backends have to take every credential over again."""
    why: str
    routine: bool = False

    def __str__(self) -> str:
        return f"write {self.ref} ({self.why})"


CredentialChange = WriteSecret | DeleteObject


def stored_secret(live: Manifest | None) -> StoredSecret | None:
    """The Secret with its values wrapped; those that are empty or no text are left out."""
    if live is None:
        return None
    manifest = {key: value for key, value in live.items() if key != "data"}
    return StoredSecret(manifest, {key: SecretStr(text) for key, text in secret_texts(live).items()})


def secret_ref(tenant: Tenant) -> ObjectRef:
    """The tenant's Secret."""
    return ObjectRef("v1", "Secret", tenant_secret(tenant.name), tenant.namespace)


def plan(tenant: Tenant, desired: WantedSecret | None, stored: StoredSecret | None) -> list[CredentialChange]:
    """What brings the Secret about, or takes it away for None."""
    if desired is None:
        return _removal(tenant, stored)
    if stored is None:
        return [_first(tenant, desired, "missing")]
    require_free(stored.manifest, tenant)
    if left_by_predecessor(stored.manifest, tenant):
        return [_deletion(tenant, stored), _first(tenant, desired, "was an earlier tenant's")]
    change = _repair(tenant, desired, stored)
    if change and stored.manifest.get("immutable"):
        raise Conflict(f"{secret_ref(tenant)} was made immutable and needs a change ({change.why}): delete it.")
    return [change] if change else []


def _removal(tenant: Tenant, stored: StoredSecret | None) -> list[CredentialChange]:
    if stored is None or not owned_by(stored.manifest, tenant.uid):
        return []
    require_free(stored.manifest, tenant)
    return [_deletion(tenant, stored)]


def _deletion(tenant: Tenant, stored: StoredSecret) -> DeleteObject:
    return DeleteObject(secret_ref(tenant), stored.manifest["metadata"]["uid"])


def _first(tenant: Tenant, desired: WantedSecret, why: str) -> WriteSecret:
    return WriteSecret(secret_ref(tenant), desired.secret_keys, new_generation=True, why=why)


def _repair(tenant: Tenant, desired: WantedSecret, stored: StoredSecret) -> WriteSecret | None:
    known = stored.fingerprints
    edited = _edited(desired, stored)
    renewed = tuple(
        key
        for key in desired.secret_keys
        # An untouched value was judged when it was written.
        if not stored.values.get(key) or ((key in edited or key not in known) and not usable(key, stored.values[key]))
    )
    # A new administrator's password is no news to anybody else; a value that somebody has used already is.
    spoiled = any(key in known or key in CORE_KEYS for key in renewed) or bool(edited) or not stored.generation
    reasons = [
        *(f"{key} is {'new' if key not in known else 'missing or unusable'}" for key in renewed),
        *(f"{key} was changed" for key in edited if key not in renewed),
        *_misfits(tenant, desired, stored),
    ]
    if not reasons and not spoiled:
        return None
    why = "; ".join(reasons) or "its generation is missing"
    return WriteSecret(secret_ref(tenant), renewed, new_generation=spoiled, why=why)


def _edited(desired: WantedSecret, stored: StoredSecret) -> tuple[str, ...]:
    """Keys whose value is not the one we wrote. Without the signing key, nothing can be said about the others."""
    known = stored.fingerprints
    signing_key = stored.values.get(JWT_SIGNING_KEY_FILE)
    if not signing_key:
        return ()

    def changed(key: str) -> bool:
        value = stored.values.get(key)
        return value is not None and key in known and fingerprint(key, value, signing_key) != known[key]

    if changed(JWT_SIGNING_KEY_FILE):
        return (JWT_SIGNING_KEY_FILE,)
    return tuple(key for key in desired.secret_keys if changed(key))


def _misfits(tenant: Tenant, desired: WantedSecret, stored: StoredSecret) -> list[str]:
    """What else differs: logins, the password of somebody who is no longer named, fingerprints, metadata."""
    fixed = desired.names | {key: value.get_secret_value() for key, value in desired.shared.items()}
    wrong = [f"{key} differs" for key, value in fixed.items() if _text(stored.values.get(key)) != value]
    gone = [key for key in stored.fingerprints if key in stored.values and key not in desired.secret_keys]
    unknown = [key for key in desired.secret_keys if stored.values.get(key) and key not in stored.fingerprints]
    path = difference(metadata(tenant, secret_ref(tenant).name), stored.manifest["metadata"], "metadata")
    return [
        *wrong,
        *(f"{key} is no longer asked for" for key in gone),
        *(f"the fingerprint of {key} is missing" for key in unknown),
        *([f"{path} differs"] if path else []),
    ]


def _text(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
