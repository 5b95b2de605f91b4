"""The start of the operator while the Kubernetes API is not there."""

import gc
from pathlib import Path

import pytest

from directory_operator.errors import SystemUnavailable
from directory_operator.settings import OperatorSettings
from directory_operator.wiring import Operator

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: nowhere
clusters: [{name: nowhere, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: nobody, user: {token: none}}]
contexts: [{name: nowhere, context: {cluster: nowhere, user: nobody}}]
"""


async def test_a_start_that_fails_leaves_nothing_behind_and_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(KUBECONFIG)
    monkeypatch.setattr("kubernetes.aio.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(tmp_path / "config"))
    operator = Operator(OperatorSettings(metrics_port=0, health_port=0))
    for _ in range(2):
        with pytest.raises(SystemUnavailable, match="Kubernetes API"):
            await operator.start()
    gc.collect()  # a session left open would warn here, and warnings are errors
