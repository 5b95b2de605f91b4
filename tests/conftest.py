"""Fixtures every test may use; they live in tests/support, one module per subject."""

from tests.support.machine import kubernetes_api, machine, minio_server, postgres_server, redis_server

__all__ = ["kubernetes_api", "machine", "minio_server", "postgres_server", "redis_server"]
