"""What the chart puts into a cluster."""

import yaml

from tests.chart.rendering import CHART, NAMESPACE, RELEASE, kinds, pick, render


def crds(values=None):
    return [it for it in render(values) if it["kind"] == "CustomResourceDefinition"]


def test_by_default_there_is_just_what_is_needed():
    assert kinds(render()) - {"CustomResourceDefinition"} == {
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "Deployment",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }


def test_nothing_listens_for_the_api_server():
    everything = {"networkPolicy": {"enabled": True}, "watchNamespaces": ["shop"]}
    assert not {it for it in kinds(render(everything)) if "Webhook" in it or it == "Service"}


def test_every_crd_is_installed_as_it_was_generated():
    generated = {
        it["metadata"]["name"]: it["spec"]
        for path in (CHART / "crd-files").glob("*.yaml")
        for it in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    }
    assert {it["metadata"]["name"]: it["spec"] for it in crds()} == generated


def test_crds_outlive_the_release_unless_told_otherwise():
    def kept(crd):
        return crd["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"

    assert all(kept(crd) for crd in crds())
    assert not any(kept(crd) for crd in crds({"crds": {"keep": False}}))
    assert crds({"crds": {"install": False}}) == []


def test_every_object_says_whose_it_is():
    for it in render({"commonLabels": {"team": "delivery"}, "networkPolicy": {"enabled": True}}):
        labels = it["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == "tidegate"
        assert labels["app.kubernetes.io/instance"] == RELEASE
        assert labels["team"] == "delivery"


def test_two_releases_share_no_name():
    cluster_wide = {"ClusterRole", "ClusterRoleBinding"}
    one, other = (
        {it["metadata"]["name"] for it in render(name=name) if it["kind"] in cluster_wide}
        for name in ("one", "other")
    )
    assert not one & other


def test_one_stands_by_and_a_new_one_comes_before_an_old_one_goes():
    spec = pick(render(), "Deployment")["spec"]
    assert spec["replicas"] == 2
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    budget = pick(render(), "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == spec["selector"]
    (spread,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"] == spec["selector"]


def test_a_single_replica_has_no_budget_to_block_its_node():
    assert "PodDisruptionBudget" not in kinds(render({"replicas": 1}))


def test_each_release_has_a_lease_of_its_own_and_each_pod_its_name():
    (container,) = pick(render(name="one"), "Deployment", "one")["spec"]["template"]["spec"][
        "containers"
    ]
    assert container["args"] == ["--lease-name=one"]
    told = {it["name"]: it["valueFrom"]["fieldRef"]["fieldPath"] for it in container["env"]}
    assert told == {"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"}


def test_the_pod_keeps_to_the_restricted_profile():
    pod = pick(render(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    assert {kind for it in pod["volumes"] for kind in it if kind != "name"} == {
        "configMap",
        "emptyDir",
    }


def test_only_the_pod_itself_gets_a_token():
    assert pick(render(), "ServiceAccount")["automountServiceAccountToken"] is False
    pod = pick(render(), "Deployment")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is True


def test_probes_ask_the_port_that_is_opened():
    pod = pick(render(), "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["ports"] == [{"name": "health", "containerPort": 8080}]
    for probe in ("startupProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "health"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "health"}


def test_what_a_cluster_asks_of_its_pods_can_be_said():
    values = {
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "topologySpreadConstraints": [{"maxSkew": 1}],
        "imagePullSecrets": [{"name": "registry"}],
    }
    pod = pick(render(values), "Deployment")["spec"]["template"]["spec"]
    assert {name: pod[name] for name in values} == values


def test_labels_of_the_pod_cannot_break_the_selector():
    values = {"podLabels": {"app.kubernetes.io/name": "other", "team": "delivery"}}
    spec = pick(render(values), "Deployment")["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert labels["team"] == "delivery"


def test_a_token_for_prometheus_can_be_mounted():
    values = {
        "extraVolumes": [{"name": "token", "secret": {"secretName": "prometheus"}}],
        "extraVolumeMounts": [{"name": "token", "mountPath": "/var/run/prometheus"}],
    }
    pod = pick(render(values), "Deployment")["spec"]["template"]["spec"]
    assert values["extraVolumes"][0] in pod["volumes"]
    assert values["extraVolumeMounts"][0] in pod["containers"][0]["volumeMounts"]


def test_the_network_policy_lets_through_probes_names_api_and_metrics():
    values = {"networkPolicy": {"enabled": True, "metricsPorts": [9090, 8428]}}
    policy = pick(render(values), "NetworkPolicy")
    assert policy["metadata"]["namespace"] == NAMESPACE
    assert policy["spec"]["ingress"] == [{"ports": [{"port": "health"}]}]
    opened = [port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]]
    assert opened == [53, 53, 443, 6443, 9090, 8428]
