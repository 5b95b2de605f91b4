"""Each kind of wrong value is refused with words that say which value it is and what is wrong with it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from scripts.packaging.chart import Document
from tests.packaging.conftest import Values, with_platform

Refusal = Callable[[Values], str]

WRONG = [
    ("operator.replicaz", 2, "'/operator': additional properties 'replicaz' not allowed"),
    ("operater", {}, "'': additional properties 'operater' not allowed"),
    ("operator.enabled", "yes", "'/operator/enabled': got string, want boolean"),
    ("operator.concurrency", 0, "'/operator/concurrency': minimum: got 0, want 1"),
    ("operator.logLevel", "verbose", "'/operator/logLevel': value must be one of 'DEBUG', 'INFO'"),
    ("operator.image.digest", "sha256:abc", "'/operator/image/digest': 'sha256:abc' does not match pattern"),
    ("operator.image.repository", "", "'/operator/image/repository': minLength: got 0, want 1"),
    ("api.image.tag", "a b", "'/api/image/tag': 'a b' does not match pattern"),
    ("api.image.pullPolicy", "Sometimes", "'/api/image/pullPolicy': value must be one of 'Always'"),
    ("operator.resources.limits.memory", "much", "'/operator/resources/limits/memory': 'much' does not match pattern"),
    ("operator.resources.request", {}, "'/operator/resources': additional properties 'request' not allowed"),
    ("operator.nodeSelector", {"disk": True}, "'/operator/nodeSelector/disk': got boolean, want string"),
    ("operator.tolerations", [{"effect": "Never"}], "'/operator/tolerations/0/effect': value must be one of"),
    ("operator.affinity.node", {}, "'/operator/affinity': additional properties 'node' not allowed"),
    ("operator.extraEnv", [{"value": "1"}], "'/operator/extraEnv/0': missing property 'name'"),
    ("operator.extraEnv", {"A": "1"}, "'/operator/extraEnv': got object, want array"),
    ("imagePullSecrets", ["registry"], "'/imagePullSecrets/0': got string, want object"),
    ("commonLabels", {"team": 7}, "'/commonLabels/team': got number, want string"),
    ("platform.name", "My_Platform", "'/platform/name': 'My_Platform' does not match pattern"),
    ("platform.spec.postgres.prot", 1, "'/platform/spec/postgres': additional properties 'prot' not allowed"),
    ("platform.spec.postgres.sslMode", "on", "'/platform/spec/postgres/sslMode': value must be one of 'disable'"),
    ("platform.spec.postgres", {"host": "a"}, "'/platform/spec/postgres': missing property 'adminSecretRef'"),
    ("platform.spec.redis.tls", "maybe", "'/platform/spec/redis/tls': got string, want boolean"),
    ("platform.spec.ingress.port", 70000, "'/platform/spec/ingress/port': maximum: got 70,000, want 65,535"),
    ("platform.spec.mysql", {}, "'/platform/spec': additional properties 'mysql' not allowed"),
    ("migrations.backoffLimit", -1, "'/migrations/backoffLimit': minimum: got -1, want 0"),
    ("pool.autoscaling.minReplicas", "two", "'/pool/autoscaling/minReplicas': got string, want integer"),
    ("pool.podDisruptionBudget.maxUnavailable", "half", "'/pool/podDisruptionBudget/maxUnavailable': 'half' does not"),
    ("route.type", "Ingress", "'/route': additional properties 'type' not allowed"),
    ("networkPolicy.kubernetesApi", [{"cidr": "10.0.0.1/32"}], "'/networkPolicy/kubernetesApi/0': missing property"),
    ("serviceMonitor.interval", "often", "'/serviceMonitor/interval': 'often' does not match pattern"),
    # What a schema has no words for.
    ("platform.spec.postgres", None, "platform.spec.postgres is missing: say there where PostgreSQL is"),
    ("platform.spec.ingress", None, "platform.spec.ingress is missing: say there where tenants are reached"),
    ("platform.spec.redis", {"adminSecretRef": {"name": "r"}}, "platform.spec.redis needs host or sentinel"),
    ("pool.autoscaling.minReplicas", 11, "pool.autoscaling.minReplicas (11) is more than maxReplicas (10)"),
    ("bootstrap.enabled", True, "bootstrap.image.repository is missing: name an image that has psql"),
    ("route.certificate.enabled", True, "route.certificate needs an issuer: set platform.spec.ingress.clusterIssuer"),
    (
        "networkPolicy.metricsClients",
        [{"namespace": "a", "cidr": "10.0.0.0/8"}],
        "networkPolicy.metricsClients: each entry needs namespace or cidr, one of the two",
    ),
]


def changed(path: str, value: Any) -> Values:
    values = deepcopy(with_platform())
    *parents, last = path.split(".")
    place = values
    for name in parents:
        place = place.setdefault(name, {})
    if value is None:
        del place[last]
    else:
        place[last] = value
    return values


@pytest.mark.parametrize(("path", "value", "message"), WRONG, ids=[f"{path}={value}" for path, value, _ in WRONG])
def test_a_wrong_value_is_named(refusal: Refusal, path: str, value: Any, message: str) -> None:
    assert message in refusal(changed(path, value))


def test_the_least_values_will_do(rendered: Callable[[Values], list[Document]]) -> None:
    assert rendered(with_platform())


def test_without_values_it_is_said_what_is_needed(refusal: Refusal) -> None:
    said = refusal({})
    assert "platform.spec" in said
    assert "docs/install.md" in said
