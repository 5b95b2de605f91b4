"""The tenant's Secret, which is durable before any backend learns of what it holds."""

import json
from dataclasses import replace

from directory_contract.environment import JWT_SIGNING_KEY_FILE, POSTGRES_PASSWORD_FILE, REDIS_PASSWORD_FILE
from directory_operator.children import metadata
from directory_operator.errors import NotReady, ObjectRefused
from directory_operator.keys import new_generation, secret_data
from directory_operator.kube import Kube, ObjectConflict
from directory_operator.manifests import Manifest
from directory_operator.reasons import Reason
from directory_operator.systems.credentials.desired import WantedSecret, wanted_secret
from directory_operator.systems.credentials.plan import (
    FINGERPRINTS_ANNOTATION,
    GENERATION_ANNOTATION,
    CredentialChange,
    StoredSecret,
    WriteSecret,
    plan,
    secret_ref,
    stored_secret,
)
from directory_operator.systems.credentials.values import fingerprint, new_value
from directory_operator.systems.objects import refusal
from directory_operator.tenant.model import Credentials, Tenant


class CredentialsSystem:
    """The tenant's Secret: its content is made once, kept as long as it can serve, and mended part by part."""

    def __init__(self, *, kube: Kube) -> None:
        self._kube = kube

    def desired(self, tenant: Tenant) -> WantedSecret | None:
        """The keys of the Secret."""
        return wanted_secret(tenant)

    async def observe(self, tenant: Tenant) -> StoredSecret | None:
        """The Secret, if it exists."""
        return stored_secret(await self._kube.get(secret_ref(tenant)))

    def plan(
        self, tenant: Tenant, desired: WantedSecret | None, observed: StoredSecret | None
    ) -> list[CredentialChange]:
        """What to write or delete."""
        return plan(tenant, desired, observed)

    async def apply(self, tenant: Tenant, change: CredentialChange) -> None:
        """Write what the Secret lacks now, which after a first attempt may be nothing, or delete it."""
        if not isinstance(change, WriteSecret):
            await self._kube.delete(change.ref, uid=change.uid)
            return
        # Read again: applying a change twice must not replace a password that was handed out in between.
        stored = await self.observe(tenant)
        wanted = wanted_secret(tenant)
        lacking = next((each for each in plan(tenant, wanted, stored) if isinstance(each, WriteSecret)), None)
        if lacking is None:
            return
        try:
            await self._kube.apply(_rendered(tenant, wanted, stored, lacking))
        except ObjectConflict as error:
            message = f"{change.ref} changed while it was being written and is read again."
            raise NotReady(message, Reason.RETRYING, retry_after=1.0) from error
        except ObjectRefused as error:
            raise refusal(change, error) from error

    def enrich(self, tenant: Tenant, observed: StoredSecret | None) -> Tenant:
        """The tenant with its credentials."""
        if observed is None:
            return tenant
        credentials = Credentials(
            generation=observed.generation,
            postgres_password=observed.values[POSTGRES_PASSWORD_FILE],
            redis_password=observed.values[REDIS_PASSWORD_FILE],
            admin_passwords={email: observed.values[key] for email, key in wanted_secret(tenant).admins.items()},
        )
        return replace(tenant, credentials=credentials)

    async def check(self, tenant: Tenant) -> str:
        """Nothing: a Secret that is there works."""
        return ""

    async def release(self, tenant: Tenant, *, entirely: bool = True) -> None:
        """Nothing: the Secret opens no door once the backends took access away, and is removed with the tenant."""


def _rendered(tenant: Tenant, wanted: WantedSecret, stored: StoredSecret | None, change: WriteSecret) -> Manifest:
    """The Secret to apply, bound to the version that was read, so that a concurrent write is never overwritten."""
    held = stored.values if stored else {}
    values = {key: new_value(key) if key in change.renewed else held[key] for key in wanted.secret_keys}
    generation = stored.generation if stored and not change.new_generation else new_generation()
    prints = {key: fingerprint(key, value, values[JWT_SIGNING_KEY_FILE]) for key, value in values.items()}
    annotations = {GENERATION_ANNOTATION: generation, FINGERPRINTS_ANNOTATION: json.dumps(prints, sort_keys=True)}
    version = {"resourceVersion": stored.manifest["metadata"]["resourceVersion"]} if stored else {}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {**metadata(tenant, change.ref.name), **version, "annotations": annotations},
        "type": "Opaque",
        "data": secret_data(
            wanted.names | {key: value.get_secret_value() for key, value in {**wanted.shared, **values}.items()}
        ),
    }
