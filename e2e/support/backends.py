"""The backends as their administrators see them, asked from inside the cluster."""

import json
from base64 import b64decode
from textwrap import dedent
from typing import Any

from e2e.support.installation import DATA, SYSTEM, Installation, names


def current_primary(installation: Installation) -> str:
    """The pod that is PostgreSQL's primary."""
    cluster = installation.get("clusters.postgresql.cnpg.io", "directory-db", DATA)
    assert cluster
    return str(cluster["status"]["currentPrimary"])


def sql(installation: Installation, query: str) -> str:
    """What the superuser gets: rows by line, columns by `|`."""
    psql = ("psql", "--no-psqlrc", "-tA", "-v", "ON_ERROR_STOP=1", "-d", "directory", "-c", query)
    return installation.execute(current_primary(installation), DATA, *psql, container="postgres").strip()


def redis_users(installation: Installation) -> list[list[str]]:
    """The ACL users of every Redis, as the operator's own user sees them."""
    hosts = [pod["status"]["podIP"] for pod in installation.pods(DATA, "app.kubernetes.io/name=redis")]
    told = inside(
        installation,
        {"hosts": hosts},
        """
        import redis
        for host in GIVEN["hosts"]:
            client = redis.Redis(
                host=host, port=6379, **SECRETS["redis-admin"], ssl=True, ssl_ca_data=CA, ssl_check_hostname=False,
                decode_responses=True, socket_timeout=5,
            )
            try:
                answer.append(client.acl_users())
            except redis.RedisError as error:
                answer.append([f"unreachable: {error}"])
        """,
    )
    return [list(each) for each in told]


def buckets(installation: Installation) -> list[str]:
    """Names of all buckets."""
    told = inside(
        installation,
        {},
        """
        import boto3, os, tempfile
        storage = PLATFORM["objectStorage"]
        with tempfile.NamedTemporaryFile("w", suffix=".crt") as trust:
            trust.write(CA)
            trust.flush()
            client = boto3.client(
                "s3", endpoint_url=storage["endpoint"], region_name=storage.get("region", "us-east-1"),
                verify=trust.name,
                aws_access_key_id=SECRETS["s3-admin"]["access-key-id"],
                aws_secret_access_key=SECRETS["s3-admin"]["secret-access-key"],
            )
            answer += [each["Name"] for each in client.list_buckets()["Buckets"]]
        """,
    )
    return [str(each) for each in told]


def inside(installation: Installation, given: dict[str, Any], code: str) -> list[Any]:
    """Run Python in the operator's pod, where the backends can be reached; what it appends to `answer` comes back.

    It finds GIVEN, SECRETS (the admin Secrets), CA and PLATFORM (the platform's spec). They travel over standard input,
    not in arguments.
    """
    secrets = {name: decoded(installation, name) for name in ("redis-admin", "s3-admin")}
    platform = installation.get("dplat", "default")
    assert platform
    [pod, *_] = names(installation.pods(SYSTEM, "app.kubernetes.io/name=directory-operator"))
    lines = [
        "import json",
        "answer = []",
        f"GIVEN, SECRETS, PLATFORM = {given!r}, {secrets!r}, {platform['spec']!r}",
        f"CA = {installation.authority.read_text()!r}",
        dedent(code),
        "print(json.dumps(answer))",
    ]
    told = installation.execute(pod, SYSTEM, "python", "-", code="\n".join(lines))
    found: list[Any] = json.loads(told.strip().splitlines()[-1])
    return found


def decoded(installation: Installation, name: str) -> dict[str, str]:
    """A Secret of the operator's namespace, as text."""
    secret = installation.get("secret", name, SYSTEM)
    assert secret, f"no Secret {name}"
    return {key: b64decode(value).decode() for key, value in secret["data"].items()}
