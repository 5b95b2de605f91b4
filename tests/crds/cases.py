"""For every CEL rule: what it lets through, and what it refuses, naming which field."""

from dataclasses import dataclass
from typing import Any

from tests.crds.examples import GONE

Changes = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """Changes to the base object. For a rule about changes, `before` is what the stored object looks like."""

    taken: tuple[Changes, ...]
    refused: tuple[Changes, ...]
    field: str
    before: Changes | None = None


def on(path: str, *, taken: tuple[Any, ...], refused: tuple[Any, ...]) -> Case:
    """A case about the value of one field, which is the one that is named."""
    return Case(tuple({path: value} for value in taken), tuple({path: value} for value in refused), path)


SECRET_NAMES: dict[str, tuple[Any, ...]] = {"taken": ("a", "a.b-c9"), "refused": ("A", "-a", "a_b", "a/b")}
HOSTS: dict[str, tuple[Any, ...]] = {
    "taken": ("a", "db.internal", "10.1.2.3", "2001:db8::1"),
    "refused": ("https://a", "a:5432", "a/b", "-a", "a b"),
}
URLS: dict[str, tuple[Any, ...]] = {
    "taken": ("https://a", "https://a.b:9000", "https://[2001:db8::1]:9000", "https://10.1.2.3"),
    "refused": (
        "a:9000",
        "ftp://a",
        "https://a/",
        "https://a/b",
        "https://u:p@a",
        "https://a?b",
        "https://a:0",
        "https://",
    ),
}
IMAGES: dict[str, tuple[Any, ...]] = {
    "taken": ("api", "a.b:5000/c/d:1.2@sha256:0f"),
    "refused": ("-a", "a b", "https://a b", "A"),
}
LABELS: dict[str, tuple[Any, ...]] = {"taken": ("a", "9a", "a-b"), "refused": ("A", "-a", "a-", "a.b", "a_b")}
DNS_NAMES: tuple[Any, ...] = (
    "A.example",
    "*.a.example",
    "a.example:443",
    "a.example.",
    "a..example",
    "-a.example",
    "10.0.0.1",
    "a_b.example",
)
SLUG = "spec.slug"

TENANT: dict[tuple[str, str], Case] = {
    ("", "must start with a letter"): Case(
        taken=({"metadata.name": "a"}, {"metadata.name": "acme-9"}),
        refused=({"metadata.name": "9acme"}, {"metadata.name": "acme.example"}),
        field="metadata.name",
    ),
    ("", "this slug"): Case(
        taken=({SLUG: "www2"}, {SLUG: "x", "metadata.name": "www"}, {SLUG: GONE, "metadata.name": "acme"}),
        refused=({SLUG: "www"}, {SLUG: "api"}, {SLUG: GONE, "metadata.name": "grafana"}),
        field=SLUG,
    ),
    ("", "is immutable, because role"): Case(
        before={SLUG: GONE},
        taken=({SLUG: "initech"}, {"spec.displayName": "Initech Inc."}),
        refused=({SLUG: "another"},),
        field=SLUG,
    ),
    ("spec", "only a Dedicated tenant"): Case(
        taken=({"spec.tier": "Pooled", "spec.api": GONE}, {"spec.api": GONE}),
        refused=({"spec.tier": "Pooled"}, {"spec.tier": "Pooled", "spec.api": {}}),
        field="spec.api",
    ),
    ("spec", "can't be Delete while the database"): Case(
        taken=(
            {"spec.storage.deletionPolicy": "Retain"},
            {"spec.database.deletionPolicy": "Retain", "spec.storage.deletionPolicy": "Retain"},
            {
                "spec.deletionPolicy": "Retain",
                "spec.database.deletionPolicy": GONE,
                "spec.storage.deletionPolicy": GONE,
            },
        ),
        refused=(
            {"spec.database.deletionPolicy": "Retain"},
            {"spec.database.deletionPolicy": "Retain", "spec.storage.deletionPolicy": GONE},
            {"spec.deletionPolicy": "Retain", "spec.database.deletionPolicy": GONE},
        ),
        field="spec.storage.deletionPolicy",
    ),
    ("spec", "is the certificate of spec.hosts"): Case(
        taken=({"spec.hosts": [], "spec.ingress.tls": GONE}, {"spec.ingress.tls": GONE}),
        refused=({"spec.hosts": []}, {"spec.hosts": GONE}),
        field="spec.ingress.tls",
    ),
    ("spec.displayName", "must hold a readable name"): on(
        "spec.displayName",
        taken=("A", "Ünïcode & Söhne GmbH", "株式会社", "O'Neil <3"),
        refused=(" ", " Acme", "Acme ", "Ac\nme", "Acme\u0000", "Acme\u202e"),
    ),
    ("spec.admins", "must be different people"): Case(
        taken=({"spec.admins": [{"email": "a.b@acme.example"}, {"email": "ab@acme.example"}]},),
        refused=(
            {"spec.admins": [{"email": "ada@acme.example"}, {"email": "Ada@acme.example"}]},
            {"spec.admins": [{"email": "a+b@acme.example"}, {"email": "a_plus_b@acme.example"}]},
        ),
        field="spec.admins",
    ),
    ("spec.admins[0].email", "must be an e-mail address"): on(
        "spec.admins[0].email",
        taken=("a@b.cd", "A.b_c-d+e@sub.acme.example"),
        refused=(
            "ada",
            "@acme.example",
            "ada@acme",
            "ada@acme.example.",
            "a b@acme.example",
            "a+b+c@acme.example",
            "a@-b.cd",
        ),
    ),
    (SLUG, "must be a DNS label"): on(SLUG, **LABELS),
    ("spec.platformRef", "is immutable"): Case(
        before={},
        taken=({"spec.displayName": "New"},),
        refused=({"spec.platformRef": "other"},),
        field="spec.platformRef",
    ),
    ("spec.hosts[0]", "must be a full DNS name"): on(
        "spec.hosts[0]", taken=("a.bc", "xn--bcher-kva.example", "a-1.b2.cd"), refused=("localhost", *DNS_NAMES)
    ),
    ("spec.ingress.tls.secretName", "must be the name of a Secret"): on("spec.ingress.tls.secretName", **SECRET_NAMES),
    ("spec.api", "must not be less than minReplicas"): Case(
        taken=({"spec.api.autoscaling": {"minReplicas": 3, "maxReplicas": 3}},),
        refused=(
            {"spec.api.autoscaling": {"minReplicas": 3, "maxReplicas": 2}},
            {"spec.api.autoscaling": {"minReplicas": 6}},
        ),
        field="spec.api.autoscaling.maxReplicas",
    ),
    **{
        ("spec.api", f"must not exceed limits.{resource}"): Case(
            taken=({f"spec.api.resources.requests.{resource}": same, f"spec.api.resources.limits.{resource}": other},),
            refused=({f"spec.api.resources.requests.{resource}": more},),
            field=f"spec.api.resources.requests.{resource}",
        )
        for resource, same, other, more in (("cpu", "1000m", 1, 3), ("memory", "1024Mi", "1Gi", "2Gi"))
    },
    ("spec.api.image", "must be an image reference"): on("spec.api.image", **IMAGES),
    **{
        (f"spec.api.resources.{path}", "must be a Kubernetes quantity above zero"): on(
            f"spec.api.resources.{path}", taken=taken, refused=(0, -1, "0", "-1", "a lot", "1 Gi", "")
        )
        for path, taken in (
            ("requests.cpu", (1, "0.5", "100m", "2")),
            ("requests.memory", (1024, "128Mi", "1e6", "0.1G")),
            ("limits.cpu", (1, "1.5", "4000m")),
            ("limits.memory", ("1Gi", "1500M", 536870912)),
        )
    },
    ("spec.cors.allowedOrigins[0]", "must be an origin"): on(
        "spec.cors.allowedOrigins[0]",
        taken=("https://a", "http://localhost:8080", "https://a-b.example:65535"),
        refused=(
            "*",
            "a.example",
            "https://a.example/",
            "https://A.example",
            "https://*.a.example",
            "null",
            "https://a:0",
        ),
    ),
}

PLATFORM: dict[tuple[str, str], Case] = {
    ("", "must be a DNS label"): Case(
        taken=({"metadata.name": "eu-1"}, {"metadata.name": "1"}),
        refused=({"metadata.name": "eu.1"},),
        field="metadata.name",
    ),
    ("spec.postgres", "is used by verify-ca"): Case(
        taken=(
            {"spec.postgres.sslMode": "verify-ca"},
            {"spec.postgres.sslMode": "require", "spec.postgres.caSecretRef": GONE},
        ),
        refused=({"spec.postgres.sslMode": "require"}, {"spec.postgres.sslMode": "disable"}),
        field="spec.postgres.caSecretRef",
    ),
    ("spec.redis", "is used with TLS only"): Case(
        taken=({"spec.redis.tls": False, "spec.redis.caSecretRef": GONE}, {"spec.redis.caSecretRef": GONE}),
        refused=({"spec.redis.tls": False},),
        field="spec.redis.caSecretRef",
    ),
    ("spec.objectStorage", "is used with an https endpoint"): Case(
        taken=({"spec.objectStorage.endpoint": "http://a", "spec.objectStorage.caSecretRef": GONE},),
        refused=({"spec.objectStorage.endpoint": "http://a"},),
        field="spec.objectStorage.caSecretRef",
    ),
    **{
        (f"spec.{part}.host", "must be a DNS name or an IP address"): on(f"spec.{part}.host", **HOSTS)
        for part in ("postgres", "redis")
    },
    **{
        (f"spec.{path}.name", "must be the name of a Secret"): on(f"spec.{path}.name", **SECRET_NAMES)
        for path in (
            "postgres.caSecretRef",
            "postgres.adminSecretRef",
            "redis.caSecretRef",
            "redis.adminSecretRef",
            "objectStorage.credentialsSecretRef",
            "objectStorage.caSecretRef",
        )
    },
    ("spec.postgres.database", "must be lower-case letters"): on(
        "spec.postgres.database", taken=("a", "_a-1"), refused=("A", "1a", "a b", 'a"b')
    ),
    ("spec.objectStorage.endpoint", "must be an http or https URL"): on("spec.objectStorage.endpoint", **URLS),
    ("spec.objectStorage.bucketPrefix", "must be lower-case letters"): on(
        "spec.objectStorage.bucketPrefix", taken=("ab", "a-1"), refused=("Ab", "-a", "a-", "a.b")
    ),
    ("spec.objectStorage.bucketPrefix", "is immutable"): Case(
        before={},
        taken=({"spec.ingress.port": 8443},),
        refused=({"spec.objectStorage.bucketPrefix": "other"},),
        field="spec.objectStorage.bucketPrefix",
    ),
    ("spec.objectStorage.sessionRoleArn", "must be the ARN of an IAM role"): on(
        "spec.objectStorage.sessionRoleArn",
        taken=("arn:aws-cn:iam::123456789012:role/a/b",),
        refused=("role/a", "arn:aws:iam::1:role/a", "arn:aws:iam::123456789012:user/a", "arn:aws:s3:::bucket"),
    ),
    ("spec.ingress.className", "must be the name of an IngressClass"): on("spec.ingress.className", **SECRET_NAMES),
    ("spec.ingress.baseDomain", "must be a DNS name in lower case"): on(
        "spec.ingress.baseDomain", taken=("localhost", "directory.localhost", "a.b.cd"), refused=DNS_NAMES
    ),
    ("spec.ingress.clusterIssuer", "must be the name of a ClusterIssuer"): on(
        "spec.ingress.clusterIssuer", **SECRET_NAMES
    ),
    ("spec.redis", "exactly one of host and sentinel"): Case(
        taken=({"spec.redis.host": GONE, "spec.redis.sentinel": {"masterName": "a", "hosts": [{"host": "a"}]}},),
        refused=(
            {"spec.redis.host": GONE},
            {"spec.redis.sentinel": {"masterName": "a", "hosts": [{"host": "a"}]}},
        ),
        field="spec.redis.host",
    ),
    ("spec.redis.sentinel.masterName", "must be letters"): on(
        "spec.redis.sentinel.masterName", taken=("a", "my_master-1.x"), refused=("a b", "a/b", "ä")
    ),
    ("spec.redis.sentinel.credentialsSecretRef.name", "must be the name of a Secret"): on(
        "spec.redis.sentinel.credentialsSecretRef.name", **SECRET_NAMES
    ),
    **{
        (f"spec.{path}", "must be a DNS name or an IP address"): on(f"spec.{path}", **HOSTS)
        for path in ("postgres.pooler.host", "redis.sentinel.hosts[0].host")
    },
    ("spec.ingress", "must be set with hostCertificates"): Case(
        taken=(
            {"spec.ingress.hostCertificates": "Wildcard", "spec.ingress.clusterIssuer": GONE},
            {"spec.ingress.hostCertificates": GONE, "spec.ingress.clusterIssuer": GONE},
        ),
        refused=({"spec.ingress.clusterIssuer": GONE},),
        field="spec.ingress.clusterIssuer",
    ),
    ("spec.ingress.gatewayRef.name", "must be the name of a Gateway"): on(
        "spec.ingress.gatewayRef.name", **SECRET_NAMES
    ),
    ("spec.ingress.gatewayRef.namespace", "must be the name of a namespace"): on(
        "spec.ingress.gatewayRef.namespace", **LABELS
    ),
    ("spec.ingress.gatewayRef.sectionName", "must be the name of a listener"): on(
        "spec.ingress.gatewayRef.sectionName", **SECRET_NAMES
    ),
    **{
        (f"spec.network.{peers}[0]", "must name exactly one"): Case(
            taken=(
                {f"spec.network.{peers}[0].namespace": "a"},
                {f"spec.network.{peers}[0].namespace": GONE, f"spec.network.{peers}[0].cidr": "10.0.0.0/8"},
            ),
            refused=(
                {f"spec.network.{peers}[0].namespace": GONE},
                {f"spec.network.{peers}[0].cidr": "10.0.0.0/8"},
            ),
            field=f"spec.network.{peers}[0]",
        )
        for peers in ("clients", "dns", "backends")
    },
    **{
        (f"spec.network.{peers}[0].namespace", "must be the name of a namespace"): on(
            f"spec.network.{peers}[0].namespace", **LABELS
        )
        for peers in ("clients", "dns", "backends")
    },
    **{
        (f"spec.network.{peers}[0].cidr", "must be a range of addresses"): on(
            f"spec.network.{peers}[0].cidr",
            taken=("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"),
            refused=("10.0.0.0", "10.0.0.0/33", "everywhere", "a/8"),
        )
        for peers in ("clients", "dns", "backends")
    },
    ("spec.api.imagePullSecrets[0].name", "must be the name of a Secret"): on(
        "spec.api.imagePullSecrets[0].name", **SECRET_NAMES
    ),
    ("spec.api.inFlightMetric", "must be the name of a metric"): on(
        "spec.api.inFlightMetric", taken=("a", "directory:in_flight_9"), refused=("9a", "a b", "a-b")
    ),
    ("spec.api.image", "must be an image reference"): on("spec.api.image", **IMAGES),
    ("spec.api.pooledEndpoint", "must be an http or https URL"): on("spec.api.pooledEndpoint", **URLS),
}

CASES: dict[str, dict[tuple[str, str], Case]] = {"DirectoryTenant": TENANT, "DirectoryPlatform": PLATFORM}
