"""The chart before a real API server: strict fields, restricted pods, rights as granted."""

import json
import tempfile
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest

from sandbox.waiting import wait_until
from tests.chart.rendering import CHART, RELEASE, pick, render

pytestmark = pytest.mark.api

NAMESPACE = "tidegate-chart-test"
EVERYTHING = {
    "networkPolicy": {"enabled": True},
    "commonLabels": {"team": "delivery"},
    "watchNamespaces": [NAMESPACE],
    "tolerations": [{"key": "infra", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}


def kubectl(cluster: Any, *arguments: str, manifest: object) -> str:
    """Run kubectl with a manifest in a file."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(manifest, file)
        file.flush()
        return str(cluster.kubectl(*arguments, "-f", file.name))


def allowed(cluster: Any, namespace: str, attributes: dict[str, str]) -> bool:
    """Whether the installed account may do that in another namespace."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": f"system:serviceaccount:{namespace}:{RELEASE}",
            "resourceAttributes": {"namespace": "default", **attributes},
        },
    }
    answer = kubectl(cluster, "create", "-o", "json", manifest=review)
    return bool(json.loads(answer)["status"]["allowed"])


@pytest.fixture(scope="module")
def namespace(cluster: Any) -> Iterator[str]:
    """A namespace that refuses every pod outside the restricted profile."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    kubectl(cluster, "apply", manifest=body)
    account = ("serviceaccount/default", "-n", NAMESPACE, "--timeout=60s")
    cluster.kubectl("wait", "--for=create", *account)  # no pod is admitted before
    yield NAMESPACE
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.fixture(scope="module")
def release(cluster: Any, namespace: str) -> Iterator[str]:
    """The chart as Helm itself installs it; the CRDs are in the cluster already."""
    values = {"crds": {"install": False}}
    with helm_python.Config(kubeconfig_path=str(cluster.kubeconfig), namespace=namespace) as helm:
        helm.install(str(CHART), RELEASE, values, timeout=60)
        # The API server learns of new roles by a watch of its own.
        granted = {"verb": "list", "group": "tidegate.io", "resource": "rollouts"}
        wait_until(lambda: allowed(cluster, namespace, granted), 60, "the rights are known")
        yield RELEASE
        helm.uninstall(RELEASE)


@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_the_api_server_takes_every_object_to_the_letter(
    cluster: Any, namespace: str, values: dict[str, Any]
):
    objects = {"apiVersion": "v1", "kind": "List", "items": render(values, namespace=namespace)}
    options = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    kubectl(cluster, "apply", *options, manifest=objects)


def pod(namespace: str) -> dict[str, Any]:
    """The operator's pod by itself, for admission looks at pods."""
    account = {"serviceAccount": {"create": False, "name": "default"}}
    template = pick(render(account, namespace=namespace), "Deployment")["spec"]["template"]
    metadata = {**template["metadata"], "name": "probe", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}


def test_the_pod_may_run_in_a_restricted_namespace(cluster: Any, namespace: str):
    kubectl(cluster, "create", "--dry-run=server", manifest=pod(namespace))


@pytest.mark.parametrize("dropped", ["seccompProfile", "runAsNonRoot"])
def test_a_pod_without_one_of_its_restrictions_may_not(cluster: Any, namespace: str, dropped: str):
    careless = pod(namespace)
    del careless["spec"]["securityContext"][dropped]
    with pytest.raises(Exception, match=f"restricted.*{dropped}"):
        kubectl(cluster, "create", "--dry-run=server", manifest=careless)


@pytest.mark.usefixtures("release")
@pytest.mark.parametrize(
    ("verb", "group", "resource", "granted"),
    [
        ("list", "tidegate.io", "rollouts", True),
        ("update", "tidegate.io", "rollouts/status", True),
        ("patch", "tidegate.io", "rollouts", True),
        ("create", "apps", "replicasets", True),
        ("patch", "networking.istio.io", "virtualservices", True),
        ("delete", "networking.istio.io", "virtualservices", False),
        ("get", "", "secrets", False),
        ("create", "", "pods", False),
        ("list", "apiextensions.k8s.io", "customresourcedefinitions", False),
    ],
)
def test_the_account_has_its_rights_in_a_running_cluster(
    cluster: Any,
    namespace: str,
    *,
    verb: str,
    group: str,
    resource: str,
    granted: bool,
):
    resource, _, subresource = resource.partition("/")
    attributes = {"verb": verb, "group": group, "resource": resource, "subresource": subresource}
    assert allowed(cluster, namespace, attributes) is granted
