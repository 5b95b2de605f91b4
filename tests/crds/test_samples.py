"""What users are told to apply is taken as it stands, and the smallest tenant is as small as promised."""

from pathlib import Path

import pytest
import yaml

from tests.support.cluster import CUSTOM, REPOSITORY, Cluster

SAMPLES = sorted((REPOSITORY / "manifests" / "samples").glob("**/*.yaml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_is_taken(cluster: Cluster, path: Path) -> None:
    body = yaml.safe_load(path.read_text())
    body["metadata"]["namespace"] = "default"
    assert cluster.refusal(f"{CUSTOM}/namespaces/default/directorytenants", body) is None


def test_a_tenant_in_ten_lines() -> None:
    lines = (REPOSITORY / "manifests" / "samples" / "acme.yaml").read_text().splitlines()
    assert len(lines) <= 10
