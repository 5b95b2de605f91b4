"""A real Kubernetes API without an operator."""

from tests.support.cluster import cluster, kube, live_tenant

__all__ = ["cluster", "kube", "live_tenant"]
