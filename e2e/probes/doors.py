"""Runs inside a Dedicated tenant's pod, by its own credentials: tries every door of another tenant, and its own.

The test puts `OTHER`, a dict, before this text and reads the JSON that is printed: one attempt per door, with what came
of it. An attempt is `open` when it gave what was asked for, `closed` when it was refused, empty or cut off.
"""

import asyncio
import json
import os
import socket
import ssl
import urllib.error
import urllib.request
from pathlib import Path

import asyncpg
import boto3
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

OTHER: dict  # slug, tenant_id, person_id, bucket, photo, service, pool, kubernetes

SECRETS = Path(os.environ["DIRECTORY_SECRETS_DIRECTORY"])
TRUST = ssl.create_default_context(cafile=os.environ.get("DIRECTORY_CA_FILE"))
REFUSED = (asyncpg.PostgresError, redis.RedisError, ClientError, BotoCoreError, OSError, urllib.error.URLError)
attempts = []


def secret(name):
    return (SECRETS / name).read_text().strip()


def tried(door, attempt):
    try:
        answer = attempt()
    except REFUSED as error:
        attempts.append({"door": door, "outcome": "closed", "why": f"{type(error).__name__}: {error}"[:200]})
    else:
        found = "open" if answer else "closed"
        attempts.append({"door": door, "outcome": found, "why": f"answered {answer!r}"[:200]})


def database(statements, user=None, fetch="SELECT 1"):
    """Run statements on a connection of its own, then return what `fetch` gives."""

    async def session():
        connection = await asyncpg.connect(
            host=os.environ["DIRECTORY_POSTGRES_HOST"],
            port=int(os.environ["DIRECTORY_POSTGRES_PORT"]),
            database=os.environ["DIRECTORY_POSTGRES_DATABASE"],
            user=user or secret("postgres-username"),
            password=secret("postgres-password"),
            ssl=TRUST,
            timeout=10,
            statement_cache_size=0,
        )
        try:
            for statement in statements:
                await connection.execute(statement)
            return await connection.fetchval(fetch)
        finally:
            await connection.close()

    return asyncio.run(session())


def cache(username=None):
    return redis.Redis(
        host=os.environ["DIRECTORY_REDIS_HOST"],
        port=int(os.environ["DIRECTORY_REDIS_PORT"]),
        username=username or secret("redis-username"),
        password=secret("redis-password"),
        ssl=os.environ["DIRECTORY_REDIS_TLS"] == "true",
        ssl_ca_certs=os.environ.get("DIRECTORY_CA_FILE"),
        socket_timeout=10,
    )


def storage():
    return boto3.client(
        "s3",
        endpoint_url=os.environ["DIRECTORY_S3_ENDPOINT"],
        region_name=os.environ["DIRECTORY_S3_REGION"],
        aws_access_key_id=secret("s3-access-key-id"),
        aws_secret_access_key=secret("s3-secret-access-key"),
        aws_session_token=secret("s3-session-token"),
        verify=os.environ.get("DIRECTORY_CA_FILE"),
        config=Config(
            s3={"addressing_style": os.environ["DIRECTORY_S3_ADDRESSING_STYLE"]}, retries={"max_attempts": 1}
        ),
    )


def reachable(host, port):
    """Whether a connection comes about at all: what the network lets through, whatever would answer."""
    with socket.create_connection((host, port), timeout=3):
        return True


def try_database():
    other, role = OTHER["tenant_id"], "dt_" + OTHER["slug"].replace("-", "_")
    count = "SELECT count(*) FROM directory.{}"
    tried("own rows", lambda: database([], fetch=count.format("people")))
    for table in OTHER["tables"]:
        theirs = count.format(table) + f" WHERE tenant_id = '{other}'"
        tried(f"rows of {table}", lambda theirs=theirs: database([], fetch=theirs))
        claimed = [f"SET directory.tenant_id = '{other}'"]
        tried(f"rows of {table} with a claimed tenant", lambda theirs=theirs, c=claimed: database(c, fetch=theirs))
        forged = [*claimed, f"SET directory.context = 'k1.{other}.{'0' * 64}'"]
        tried(f"rows of {table} with a forged context", lambda theirs=theirs, f=forged: database(f, fetch=theirs))
    moved = f"INSERT INTO directory.departments (tenant_id, name) VALUES ('{other}', 'x') RETURNING 1"
    tried("a row for them", lambda: database(["SET default_transaction_read_only = off"], fetch=moved))
    tried("their role", lambda: database([f"SET ROLE {role}"]))
    tried("their login with the own password", lambda: database([], user=role))
    tried("the registry", lambda: database([], fetch="SELECT count(*) FROM registry.tenants"))
    tried("a table of its own making", lambda: database(["CREATE TABLE directory.mine (x int)"]))
    tried("files of the server", lambda: database([], fetch="SELECT pg_read_file('PG_VERSION')"))


def try_cache():
    own, theirs = f"t:{os.environ['DIRECTORY_TENANT_SLUG']}:probe", f"t:{OTHER['slug']}:probe"
    tried("own key", lambda: cache().set(own, "1", ex=60))
    tried("their key", lambda: cache().get(theirs))
    tried("a write to their key", lambda: cache().set(theirs, "1", ex=60))
    tried("their channel", lambda: cache().publish(f"{theirs}-channel", "x") is not None)
    tried("all keys", lambda: cache().keys("*"))
    tried("a scan", lambda: cache().scan()[1])
    tried("flushing all", lambda: cache().flushall())
    tried("the ACL", lambda: cache().acl_list())
    tried("the configuration", lambda: cache().config_get("*"))
    tried("their user with the own password", lambda: cache(f"dt-{OTHER['slug']}").ping())


def try_storage():
    own, theirs = OTHER["own_bucket"], OTHER["bucket"]
    tried("own object", lambda: storage().put_object(Bucket=own, Key="probe", Body=b"1"))
    tried("their objects", lambda: storage().list_objects_v2(Bucket=theirs))
    tried("their photo", lambda: storage().get_object(Bucket=theirs, Key=OTHER["photo"]))
    tried("an object for them", lambda: storage().put_object(Bucket=theirs, Key="probe", Body=b"1"))
    tried("other buckets", lambda: {each["Name"] for each in storage().list_buckets()["Buckets"]} - {own})
    tried("their bucket's policy", lambda: storage().get_bucket_policy(Bucket=theirs))


def try_network():
    for door in ("service", "pool", "kubernetes", "operator"):
        host, _, port = OTHER[door].rpartition(":")
        tried(f"network: {door}", lambda host=host, port=port: reachable(host, int(port)))
    tried("a service account's token", lambda: Path("/var/run/secrets/kubernetes.io/serviceaccount/token").exists())
    metadata = "http://169.254.169.254/latest/meta-data/"
    tried("network: cloud metadata", lambda: urllib.request.urlopen(metadata, timeout=3).read())


try_database()
try_cache()
try_storage()
try_network()
print(json.dumps(attempts))
