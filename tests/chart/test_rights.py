"""Who may do what: the operator as little as it can, people as much as their role says."""

from tests.chart.rendering import NAMESPACE, RELEASE, kinds, notes, pick, render, rights
from tests.house.tree import ROOT
from tidegate.api.actions import Verb

GRANTED = {
    ("tidegate.io", "rollouts"): "get list watch patch",
    ("tidegate.io", "rollouts/status"): "update",
    ("tidegate.io", "rolloutruns"): "get create delete",
    ("tidegate.io", "rolloutruns/status"): "patch",
    ("tidegate.io", "rolloutactions"): "list watch",
    ("tidegate.io", "rolloutactions/status"): "patch",
    ("tidegate.io", "rolloutpolicies"): "list watch",
    ("tidegate.io", "rolloutpolicies/status"): "patch",
    ("", "namespaces"): "list watch",
    ("apps", "replicasets"): "get list watch create patch delete",
    ("apps", "deployments"): "get list watch patch",
    ("", "services"): "get list watch patch",
    ("networking.istio.io", "virtualservices"): "get list watch create patch",
    ("networking.istio.io", "destinationrules"): "get list watch create patch",
    ("gateway.networking.k8s.io", "httproutes"): "get list watch create patch",
    ("", "configmaps"): "get list watch",
    ("", "pods"): "list",
    ("events.k8s.io", "events"): "create",
    ("batch", "cronjobs"): "get",
    ("batch", "jobs"): "get list watch create delete",
}
OF_THE_CLUSTER = {"rolloutpolicies", "rolloutpolicies/status", "namespaces"}
LEASE = {("coordination.k8s.io", "leases"): "get update create"}
EXPECTED = {(*key, verb) for key, verbs in GRANTED.items() for verb in verbs.split()}
SUBJECT = {"kind": "ServiceAccount", "name": RELEASE, "namespace": NAMESPACE}


def test_the_operator_has_these_rights_and_no_other():
    assert set(rights(pick(render(), "ClusterRole"))) == EXPECTED


def test_the_operator_sees_no_secret_and_starts_no_pod_by_itself():
    granted = set(rights(pick(render(), "ClusterRole")))
    assert not {"secrets", "pods/exec", "pods/log", "*"} & {resource for _, resource, _ in granted}
    assert {verb for _, resource, verb in granted if resource == "pods"} == {"list"}


def test_a_cluster_whose_releases_ask_nothing_of_pods_may_keep_them_closed():
    role = pick(render({"rbac": {"pods": False}}), "ClusterRole")
    assert EXPECTED - set(rights(role)) == {("", "pods", "list")}


def test_a_cluster_whose_releases_run_no_jobs_may_keep_them_closed():
    role = pick(render({"rbac": {"hooks": False}}), "ClusterRole")
    batch = {right for right in EXPECTED if right[0] == "batch"}
    assert EXPECTED - set(rights(role)) == batch


def test_secrets_are_read_only_where_the_administrator_says_so_and_never_written():
    role = pick(render({"rbac": {"secrets": True}}), "ClusterRole")
    assert set(rights(role)) - EXPECTED == {("", "secrets", "get")}


def test_a_cluster_whose_releases_need_no_config_maps_may_keep_them_closed():
    role = pick(render({"rbac": {"configMaps": False}}), "ClusterRole")
    assert EXPECTED - set(rights(role)) == {("", "configmaps", v) for v in ("get", "list", "watch")}


def test_no_role_has_a_wildcard_or_lifts_itself():
    for it in render():
        if it["kind"] == "ClusterRole":
            assert not {"*", "escalate", "bind", "impersonate"} & {
                word for right in rights(it) for word in right
            }


def test_with_namespaces_named_rights_end_at_their_border():
    objects = render({"watchNamespaces": ["shop", "pay"], "rbac": {"userRoles": False}})
    assert not {"ClusterRole", "ClusterRoleBinding"} & kinds(objects)
    roles = [it for it in objects if it["kind"] == "Role" and it["metadata"]["name"] == RELEASE]
    assert [it["metadata"]["namespace"] for it in roles] == ["shop", "pay"]
    in_a_namespace = {right for right in EXPECTED if right[1] not in OF_THE_CLUSTER}
    assert all(set(rights(it)) == in_a_namespace for it in roles)
    bindings = [it for it in objects if it["kind"] == "RoleBinding"]
    assert [it["metadata"]["namespace"] for it in bindings] == [NAMESPACE, "shop", "pay"]
    assert all(it["subjects"] == [SUBJECT] for it in bindings)


def test_the_lease_is_in_its_own_namespace_and_no_other_can_be_changed():
    role = pick(render({"watchNamespaces": ["shop"]}), "Role", f"{RELEASE}-lease")
    assert role["metadata"]["namespace"] == NAMESPACE
    named = {verb: rule.get("resourceNames") for rule in role["rules"] for verb in rule["verbs"]}
    assert named == {"get": [RELEASE], "update": [RELEASE], "create": None}
    assert {tuple(rule["apiGroups"] + rule["resources"]) for rule in role["rules"]} == set(LEASE)


def test_the_binding_names_the_operators_account():
    assert pick(render(), "ClusterRoleBinding")["subjects"] == [SUBJECT]
    own = render({"serviceAccount": {"create": False, "name": "given"}})
    assert pick(own, "ClusterRoleBinding")["subjects"] == [SUBJECT | {"name": "given"}]
    assert "ServiceAccount" not in kinds(own)


def test_viewers_only_look():
    role = pick(render(), "ClusterRole", f"{RELEASE}-view")
    assert {verb for _, _, verb in rights(role)} == {"get", "list", "watch"}
    assert role["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"


def test_policies_are_written_by_administrators_of_the_cluster_alone():
    for it in render():
        if it["kind"] == "ClusterRole" and it["metadata"]["name"] != RELEASE:
            found = [right for right in rights(it) if right[1].startswith("rolloutpolicies")]
            assert {verb for _, _, verb in found} <= {"get", "list", "watch"}


def test_editors_write_what_they_want_and_never_what_happened():
    role = pick(render(), "ClusterRole", f"{RELEASE}-edit")
    assert not {resource for _, resource, _ in rights(role) if resource.endswith("/status")}
    assert ("tidegate.io", "rollouts/abort", "update") in set(rights(role))
    labels = role["metadata"]["labels"]
    assert "rbac.authorization.k8s.io/aggregate-to-view" not in labels
    assert labels["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"


def test_who_edits_a_release_does_not_approve_it_unless_they_are_an_admin():
    role = pick(render(), "ClusterRole", f"{RELEASE}-approve")
    labels = role["metadata"]["labels"]
    assert labels["rbac.authorization.k8s.io/aggregate-to-admin"] == "true"
    assert "rbac.authorization.k8s.io/aggregate-to-edit" not in labels
    names = {"rollouts/approve", "rollouts/reject"}
    assert {resource for _, resource, verb in rights(role) if verb == "update"} == names
    edit = pick(render(), "ClusterRole", f"{RELEASE}-edit")
    verbs = {one.value for one in Verb} - {"approve", "reject"}
    found = {resource for _, resource, _ in rights(edit)}
    assert {one.partition("/")[2] for one in found} - {"", "scale"} == verbs


def test_nobody_but_the_operator_writes_an_answer_or_a_status():
    writing = {"create", "update", "patch", "delete", "deletecollection"}
    for role in render():
        if role["kind"] == "ClusterRole" and role["metadata"]["name"] != RELEASE:
            written = {r for _, r, verb in rights(role) if verb in writing}
            assert not {resource for resource in written if resource.endswith("/status")}


def test_the_admission_policy_holds_where_the_operator_serves_and_can_be_left_out():
    policy = pick(render(), "ValidatingAdmissionPolicy", f"{RELEASE}-actions")
    assert policy["spec"]["failurePolicy"] == "Fail"
    binding = pick(render(), "ValidatingAdmissionPolicyBinding", f"{RELEASE}-actions")
    assert binding["spec"] == {"policyName": f"{RELEASE}-actions", "validationActions": ["Deny"]}
    named = render({"watchNamespaces": ["shop", "pay"]})
    binding = pick(named, "ValidatingAdmissionPolicyBinding", f"{RELEASE}-actions")
    (only,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert only["values"] == ["shop", "pay"]
    off = {"admission": {"enabled": False}}
    assert not {it for it in kinds(render(off)) if "Admission" in it}
    assert "approvals prove nothing" in notes(off)
    assert "approvals prove nothing" not in notes()


def test_roles_can_be_left_to_the_administrator():
    off = {"rbac": {"create": False, "userRoles": False}}
    assert not {it for it in kinds(render(off)) if "Role" in it}


def test_the_documentation_lists_the_same_rights():
    told = {
        (group.replace("core", ""), resource): set(verbs.split(", "))
        for line in (ROOT / "docs/reference/rights.md").read_text().splitlines()
        if line.count(" | ") == 3 and not line.startswith(("| API", "| ---"))
        for group, resource, verbs, _ in [line.strip("| ").split(" | ")]
    }
    assert told == {key: set(verbs.split()) for key, verbs in (GRANTED | LEASE).items()}
