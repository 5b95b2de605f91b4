"""Which TLS Secrets can serve a tenant's custom hosts."""

from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from directory_operator.systems.ingress.certificate import certificate_problem
from tests.support.tls import NOW, tls_pair

HOSTS = ("people.acme.example", "directory.acme.example")


def a_secret(pair: dict[str, str], kind: str = "kubernetes.io/tls") -> dict[str, Any]:
    return {"type": kind, "data": {key: b64encode(value.encode()).decode() for key, value in pair.items()}}


@pytest.mark.parametrize(
    "names", [HOSTS, ("*.acme.example",), (*HOSTS, "other.example"), ("People.ACME.example", HOSTS[1])]
)
def test_it_serves(names: tuple[str, ...]) -> None:
    assert certificate_problem(a_secret(tls_pair(*names)), HOSTS, NOW) is None


GOOD = tls_pair(*HOSTS)
PROBLEMS: list[tuple[dict[str, Any], str]] = [
    (a_secret(GOOD, "Opaque"), "is of type Opaque instead of kubernetes.io/tls"),
    ({"type": "kubernetes.io/tls"}, "holds no PEM certificate in tls.crt"),
    (a_secret(GOOD | {"tls.crt": "nonsense"}), "holds no PEM certificate in tls.crt"),
    ({"type": "kubernetes.io/tls", "data": {"tls.crt": "%%%"}}, "holds no PEM certificate in tls.crt"),
    (a_secret(GOOD | {"tls.key": tls_pair(*HOSTS)["tls.key"]}), "holds in tls.key no private key of the certificate"),
    (a_secret({"tls.crt": GOOD["tls.crt"]}), "holds in tls.key no private key"),
    (a_secret(tls_pair(*HOSTS, ends=timedelta(0))), "expired at 2026-06-01T00:00:00Z"),
    (a_secret(tls_pair(*HOSTS, starts=timedelta(hours=1))), "not valid before 2026-06-01T01:00:00Z"),
    (a_secret(tls_pair(HOSTS[0])), "does not cover directory.acme.example"),
    (a_secret(tls_pair("acme.example", "*.example")), "does not cover people.acme.example, directory.acme.example"),
    (a_secret(tls_pair()), "does not cover people.acme.example"),
]


@pytest.mark.parametrize(("secret", "said"), PROBLEMS, ids=[said for _, said in PROBLEMS])
def test_what_is_wrong_is_said(secret: dict[str, Any], said: str) -> None:
    problem = certificate_problem(secret, HOSTS, NOW)
    assert problem is not None
    assert said in problem
    assert "PRIVATE KEY" not in problem
