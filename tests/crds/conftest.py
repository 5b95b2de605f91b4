"""A real Kubernetes API without an operator."""

from tests.support.cluster import cluster

__all__ = ["cluster"]
