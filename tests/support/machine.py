"""Fixtures for the real backends: one machine per test session, each part started when a test first asks for it."""

from collections.abc import Iterator

import pytest

from directory_local.machine import Machine
from directory_local.parts.kubernetes import Kubernetes
from directory_local.parts.minio import Minio
from directory_local.parts.postgres import Postgres
from directory_local.parts.redis import Redis


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """A machine with nothing started yet: `machine.start("postgres", "redis", ...)` starts parts."""
    quick = {"DIRECTORY_OPERATOR_SWEEP_INTERVAL_SECONDS": "2", "DIRECTORY_OPERATOR_PLATFORM_PROBE_SECONDS": "2"}
    with Machine.temporary(operator_environment=quick) as temporary:
        yield temporary


@pytest.fixture(scope="session")
def postgres_server(machine: Machine) -> Postgres:
    """PostgreSQL with the database `directory` bootstrapped and migrated."""
    machine.start("postgres")
    machine.prepare_database()
    return machine.postgres


@pytest.fixture(scope="session")
def redis_server(machine: Machine) -> Redis:
    machine.start("redis")
    return machine.redis


@pytest.fixture(scope="session")
def minio_server(machine: Machine) -> Minio:
    machine.start("minio")
    return machine.minio


@pytest.fixture(scope="session")
def kubernetes_api(machine: Machine) -> Kubernetes:
    """A Kubernetes API with no CRDs and no tenants."""
    machine.start("kubernetes")
    return machine.kubernetes
