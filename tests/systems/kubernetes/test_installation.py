"""What manifests/operator installs: a namespace that enforces restricted pods, and an operator admitted there."""

from directory_operator.manifests import ObjectRef
from tests.support.cluster import Cluster
from tests.support.eventually import eventually

NAMESPACE = "directory-system"


def test_the_namespace_enforces_restricted_pods(cluster: Cluster) -> None:
    live = cluster.get(ObjectRef("v1", "Namespace", NAMESPACE))
    assert live is not None
    assert live["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_operators_pod_is_admitted(cluster: Cluster) -> None:
    pods = f"/api/v1/namespaces/{NAMESPACE}/pods"
    (pod,) = eventually(lambda: cluster.kubernetes.get(pods)["items"])
    assert pod["spec"]["serviceAccountName"] == "directory-operator"


def test_the_operator_may_do_nothing_to_everything(cluster: Cluster) -> None:
    role = cluster.kubernetes.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/directory-operator")
    for rule in role["rules"]:
        assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]
        assert not {"escalate", "bind", "impersonate", "deletecollection"} & set(rule["verbs"])
