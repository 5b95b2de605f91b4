"""What each sample tenant comes to, system by system, as files to be read in review.

After an intended change, write them anew and read the diff: `REGENERATE_GOLDEN=1 pytest tests/golden`.
"""

import os
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_DNS, uuid5

import pytest
import yaml
from pydantic import SecretStr

from directory_contract.names import TenantNames
from directory_operator.children import DIGEST_ANNOTATION
from directory_operator.platform.spec import PlatformSpec
from directory_operator.systems.credentials.desired import wanted_secret
from directory_operator.systems.ingress.desired import ingress_objects
from directory_operator.systems.postgres.desired import desired_database
from directory_operator.systems.redis.desired import tenant_user
from directory_operator.systems.s3.desired import desired_bucket
from directory_operator.systems.workload.desired import workload
from directory_operator.tenant.model import Credentials, Platform, Tenant
from directory_operator.tenant.spec import TenantSpec
from tests.support.builders import a_tenant

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "manifests" / "samples"
TENANTS = [*sorted(SAMPLES.glob("**/*.yaml")), HERE / "inputs" / "umbrella.yaml"]


def loaded(path: Path) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load(path.read_text())
    return body


def tenant_of(path: Path) -> Tenant:
    place = loaded(HERE / "inputs" / "platform.yaml")
    spec = PlatformSpec.model_validate(place["spec"])
    platform = Platform(
        place["metadata"]["name"], str(uuid5(NAMESPACE_DNS, "platform")), spec, ca_bundle="(authorities)"
    )
    body = loaded(path)
    name, asked = body["metadata"]["name"], TenantSpec.model_validate(body["spec"])
    names = TenantNames(asked.slug or name, spec.object_storage.bucket_prefix, spec.ingress.base_domain)
    hidden = SecretStr("(secret)")
    credentials = Credentials("0123456789abcdef", hidden, hidden, {admin.email: hidden for admin in asked.admins})
    return replace(a_tenant(name, platform=platform), spec=asked, names=names, credentials=credentials)


def plain(value: Any) -> Any:
    """As YAML has it: sets sorted, secrets hidden."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, SecretStr):
        return "(secret)"
    if isinstance(value, dict):
        # The digest changes with everything else and tells a reader nothing.
        return {str(key): plain(each) for key, each in value.items() if key != DIGEST_ANNOTATION}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(each) for each in value)
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def desired_state(tenant: Tenant) -> str:
    documents: dict[str, Any] = {
        "credentials": wanted_secret(tenant),
        "postgres": desired_database(tenant),
        "redis": tenant_user(tenant),
        "s3": desired_bucket(tenant),
        "workload": workload(tenant) if tenant.spec.tier == "Dedicated" else None,
        "ingress": ingress_objects(tenant),
    }
    return "---\n".join(f"# {system}\n{rendered(desired)}" for system, desired in documents.items())


def rendered(desired: Any) -> str:
    if desired is None:
        return "# nothing\n"
    return yaml.safe_dump(plain(desired), sort_keys=False, width=110, allow_unicode=True)


@pytest.mark.parametrize("path", TENANTS, ids=lambda path: path.stem)
def test_the_desired_state_is_as_reviewed(path: Path) -> None:
    expected = HERE / "expected" / path.name
    state = desired_state(tenant_of(path))
    if os.environ.get("REGENERATE_GOLDEN"):
        expected.write_text(state)
    assert state == expected.read_text(), "if this is meant: REGENERATE_GOLDEN=1 pytest tests/golden, and read the diff"


def test_no_expectation_is_left_over() -> None:
    assert {path.name for path in TENANTS} == {path.name for path in (HERE / "expected").iterdir()}
