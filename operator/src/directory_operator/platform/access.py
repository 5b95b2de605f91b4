"""The operator's own ways into a platform's backends: what the Secrets that the platform names hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pydantic import SecretStr

from directory_contract import environment as env
from directory_operator.errors import NotReady
from directory_operator.keys import secret_texts
from directory_operator.kube import Kube
from directory_operator.manifests import ObjectRef
from directory_operator.platform.spec import PlatformSpec
from directory_operator.reasons import Reason
from directory_operator.systems.backends import BackendSecrets

_AUTHORITIES: Final = ("postgres_ca", "redis_ca", "s3_ca")


@dataclass(frozen=True, slots=True)
class _Texts:
    """The data of one Secret."""

    ref: str
    texts: dict[str, str] = field(repr=False)

    def __getitem__(self, key: str) -> str:
        """The value; a missing one is said with the name of the Secret."""
        if key not in self.texts:
            raise NotReady(f"{self.ref} has no key {key}", Reason.PLATFORM_NOT_READY)
        return self.texts[key]


@dataclass(frozen=True, slots=True)
class Access:
    """All of them as they were read; two are equal when nothing that matters to a connection changed."""

    _texts: Mapping[str, _Texts]

    def secrets(self) -> BackendSecrets:
        """For the backends; NotReady names a key that is missing."""
        texts = self._texts
        return BackendSecrets(
            postgres_username=texts["postgres"]["username"],
            postgres_password=SecretStr(texts["postgres"]["password"]),
            redis_username=texts["redis"]["username"],
            redis_password=SecretStr(texts["redis"]["password"]),
            s3_access_key_id=texts["s3"]["access-key-id"],
            s3_secret_access_key=SecretStr(texts["s3"]["secret-access-key"]),
            sentinel_username=texts["sentinel"]["username"] if "sentinel" in texts else None,
            sentinel_password=SecretStr(texts["sentinel"]["password"]) if "sentinel" in texts else None,
            **self._authorities(),
        )

    def sentinel_files(self) -> dict[str, SecretStr]:
        """What tenants' API signs in to the Sentinels with, by file name; nothing where these don't ask."""
        if "sentinel" not in self._texts:
            return {}
        texts = self._texts["sentinel"]
        names = {env.REDIS_SENTINEL_USERNAME_FILE: "username", env.REDIS_SENTINEL_PASSWORD_FILE: "password"}
        return {name: SecretStr(texts[key]) for name, key in names.items()}

    def ca_bundle(self) -> str:
        """Certificates of all authorities, for the pods of Dedicated tenants."""
        return "".join(dict.fromkeys(text.rstrip() + "\n" for text in self._authorities().values()))

    def pool_files(self) -> dict[str, str]:
        """The same for the pooled fleet, and the authorities: its Secret is in the operator's own namespace."""
        shared = {name: value.get_secret_value() for name, value in self.sentinel_files().items()}
        return shared | ({env.CA_FILE_KEY: self.ca_bundle()} if self._authorities() else {})

    def _authorities(self) -> dict[str, str]:
        return {part: self._texts[part]["ca.crt"] for part in _AUTHORITIES if part in self._texts}


async def read_access(kube: Kube, namespace: str, spec: PlatformSpec) -> Access:
    """Read every Secret that the platform names; NotReady names one that is missing."""
    references = {
        "postgres": spec.postgres.admin_secret_ref,
        "redis": spec.redis.admin_secret_ref,
        "sentinel": spec.redis.sentinel.credentials_secret_ref if spec.redis.sentinel else None,
        "s3": spec.object_storage.credentials_secret_ref,
        "postgres_ca": spec.postgres.ca_secret_ref,
        "redis_ca": spec.redis.ca_secret_ref,
        "s3_ca": spec.object_storage.ca_secret_ref,
    }
    names = {part: reference.name for part, reference in references.items() if reference}
    return Access({part: await _read(kube, ObjectRef("v1", "Secret", name, namespace)) for part, name in names.items()})


async def _read(kube: Kube, ref: ObjectRef) -> _Texts:
    found = await kube.get(ref)
    if found is None:
        raise NotReady(f"{ref} does not exist: create it (docs/reference/crds.md)", Reason.PLATFORM_NOT_READY)
    return _Texts(str(ref), secret_texts(found))
