"""What a real API server says to our CRDs, and to what users write."""

import copy
import json
from pathlib import Path

import pytest
import yaml

from tests.api.samples import SPEC, changed
from tests.cluster.refused_specs import CARD, COMPARE, COUNTERS, MADE_HTTP_ROUTE, REFUSED

pytestmark = pytest.mark.api

ROOT = Path(__file__).resolve().parents[2]
OVERLAY = "kustomization.yaml"
"""What kustomize reads; no object of a cluster."""
EXAMPLES = sorted(f for f in (ROOT / "examples").rglob("*.yaml") if f.name != OVERLAY)
NAMES = ("rollouts", "rolloutruns", "rolloutactions")
NAMESPACE = "default"

POD = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "app", "image": "app:1"}]},
}
GOOD = changed(("template", POD), base=SPEC)
ACTION = {"rollout": "web", "verb": "abort", "reason": "too slow"}


def manifest(spec, kind="Rollout", name="crd-test"):
    metadata = {"name": name, "namespace": NAMESPACE}
    body = {"apiVersion": "tidegate.io/v1alpha1", "kind": kind, "metadata": metadata}
    return json.dumps(body | {"spec": spec})


def refusal(cluster, text, *flags) -> str:
    with pytest.raises(Exception) as caught:  # noqa: PT011 — which error is the fixture's own
        cluster.kubectl("apply", "--validate=strict", *flags, "-f", "-", stdin=text)
    return " ".join(f"{caught.value} {getattr(caught.value, 'stderr', '')}".split())


@pytest.fixture(scope="module")
def crds(cluster):
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(ROOT / "crds"))
    for name in NAMES:
        crd = f"crd/{name}.tidegate.io"
        cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", crd)
    return cluster


@pytest.fixture
def rollout(crds):
    crds.kubectl("apply", "-f", "-", stdin=manifest(GOOD))
    yield json.loads(crds.kubectl("get", "tgr", "crd-test", "-n", NAMESPACE, "-o", "json"))
    crds.kubectl("delete", "tgr", "crd-test", "-n", NAMESPACE, "--wait=true")


@pytest.mark.parametrize("name", NAMES)
def test_a_crd_is_structural_and_its_names_are_free(crds, name):
    found = json.loads(crds.kubectl("get", "crd", f"{name}.tidegate.io", "-o", "json"))
    conditions = {item["type"]: item["status"] for item in found["status"]["conditions"]}
    assert conditions["Established"] == conditions["NamesAccepted"] == "True"
    assert conditions.get("NonStructuralSchema", "False") == "False"


def test_client_side_apply_takes_the_crds_too(crds):
    # It stores the whole object in an annotation, of at most 262,144 bytes.
    crds.kubectl("apply", "--dry-run=server", "-f", str(ROOT / "crds"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_is_accepted_to_the_last_field(crds, path):
    crds.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(path))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_example_comes_back_with_nothing_pruned(crds, path):
    out = crds.kubectl("create", "--dry-run=server", "-o", "json", "-f", str(path))
    documents = [doc for doc in yaml.safe_load_all(path.read_text()) if doc]
    for sent, stored in zip(documents, answers(out), strict=True):
        if sent["apiVersion"].startswith("tidegate.io/"):
            assert contains(stored["spec"], sent["spec"])


def answers(text):
    decoder = json.JSONDecoder()
    while text := text.strip():
        found, end = decoder.raw_decode(text)
        yield from found.get("items", [found])
        text = text[end:]


def contains(stored, sent) -> bool:
    """Whether all that was sent is stored; defaults may have come to it."""
    if isinstance(sent, dict):
        return all(key in stored and contains(stored[key], value) for key, value in sent.items())
    if isinstance(sent, list):
        return len(stored) == len(sent) and all(map(contains, stored, sent))
    return stored == sent


@pytest.mark.parametrize(
    ("path", "value", "sentence"), REFUSED, ids=[f"{case[0]}: {case[2]}" for case in REFUSED]
)
def test_a_wrong_manifest_is_refused_with_a_sentence(crds, path, value, sentence):
    text = manifest(changed((path, value), base=GOOD))
    assert sentence in refusal(crds, text, "--dry-run=server")


def test_required_anti_affinity_and_shifted_pods_are_refused_together(crds):
    shifted = changed(("antiAffinity", "required"), ("capacity", {"mode": "shift"}), base=GOOD)
    said = refusal(crds, manifest(shifted), "--dry-run=server")
    assert "spec.antiAffinity" in said
    assert "use preferred" in said


@pytest.mark.parametrize(
    "change",
    [
        ("replicas", 0),
        ("phases.0.replicas", "40%"),
        ("phases.0.replicas", 3),
        ("phases.0", {"name": "a", "weight": 1, "deadline": "1h", "onTimeout": "pause"}),
        ("phases.0.gates.0.compare", COMPARE),
        ("selector.matchExpressions", [{"key": "app", "operator": "In", "values": ["web"]}]),
        ("traffic", {"istio": {"managed": {}}}),
        ("traffic", {"gatewayApi": MADE_HTTP_ROUTE}),
        ("scorecards", [CARD | {"marginal": 95, "coverage": 1}]),
        ("drain", {"max": "5s"}),
        ("capacity", {"mode": "shift", "headroom": "100%"}),
        ("capacity", {"mode": "surge"}),
        ("antiAffinity", "required"),
        ("metrics.1", {"name": "lost", "template": "counter-ratio", "counters": COUNTERS}),
        (
            "metrics.1",
            {
                "name": "slow",
                "template": "histogram-slow-share",
                "histogram": 'wait_seconds{queue="a", kind!~"b|c"}',
                "threshold": "5s",
            },
        ),
        ("guards", []),
        ("phases", []),
        ("template.spec.anything", {"new": ["in", "kubernetes", 2.0]}),
    ],
    ids=lambda change: change[0],
)
def test_a_right_manifest_is_accepted(crds, change):
    text = manifest(changed(change, base=GOOD))
    crds.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)


def test_a_plain_service_is_accepted_with_all_or_nothing(crds):
    body = changed(("traffic", {"service": {"active": "web"}}), base=GOOD)
    for weight, phase in zip((0, 100), body["phases"], strict=False):
        phase["weight"] = weight
    text = manifest(body)
    crds.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", stdin=text)
    shifts = manifest(body | {"capacity": {"mode": "shift"}})
    assert "leave mode out or use surge" in refusal(crds, shifts, "--dry-run=server")


def test_a_name_too_long_for_a_label_is_refused(crds):
    text = manifest(GOOD, name="x" * 64)
    assert "metadata.name: Too long" in refusal(crds, text, "--dry-run=server")


def test_the_selector_cannot_be_changed(rollout, crds):
    text = manifest(changed(("selector.matchLabels", {"app": "other"}), base=GOOD))
    assert "selector cannot be changed; make a new Rollout instead" in refusal(crds, text)


def test_the_largest_rollout_there_may_be_is_within_the_cost_budget(crds):
    largest = copy.deepcopy(GOOD)
    series = "w" * 501 + '{a="b.*"}'
    largest["metrics"] = [
        {"name": f"m{n}", "template": "histogram-quantile", "histogram": series} for n in range(64)
    ]
    members = [{"metric": f"m{n}", "weight": 1, "max": 1} for n in range(48, 64)]
    largest["scorecards"] = [{"name": f"c{n}", "pass": 95, "members": members} for n in range(8)]
    largest["guards"] = [{"metric": "m63", "max": 1}, {"scorecard": "c7"}] * 16
    gates = [{"metric": "m63", "max": 1}, {"scorecard": "c7"}] * 8
    approval = {"required": 16, "expiry": "1h", "groups": [f"{n:0>256}" for n in range(16)]}
    largest["phases"] = [
        {"name": f"p{n}", "weight": n, "gates": gates, "guards": gates, "approval": approval}
        for n in range(32)
    ]
    text = manifest(largest)
    crds.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=text)


def test_a_new_rollout_says_that_it_was_not_seen_yet(rollout):
    assert rollout["status"] == {"observedGeneration": -1}


def test_only_scalars_are_defaulted_into_what_users_store(rollout):
    assert rollout["spec"]["progressDeadline"] == "10m"
    assert rollout["spec"]["phases"][1]["hold"] == "0s"
    assert not {"drain", "blind", "bake"} & rollout["spec"].keys()


def test_scale_speaks_of_the_size_that_is_wanted(rollout, crds):
    path = f"/apis/tidegate.io/v1alpha1/namespaces/{NAMESPACE}/rollouts/crd-test"
    status = {"observedGeneration": 1, "replicas": 5, "selector": "app=web"}
    patch = json.dumps({"status": status})
    crds.kubectl(
        *("patch", "tgr", "crd-test", "-n", NAMESPACE),
        *("--subresource=status", "--type=merge", "-p", patch),
    )
    crds.kubectl("scale", "rollouts.tidegate.io/crd-test", "-n", NAMESPACE, "--replicas=7")
    scale = json.loads(crds.kubectl("get", "--raw", f"{path}/scale"))
    assert scale["spec"]["replicas"] == 7
    assert scale["status"] == {"replicas": 5, "selector": "app=web"}


def test_the_table_of_kubectl_get_has_the_columns_people_ask_for(rollout, crds):
    narrow = crds.kubectl("get", "tgr", "-n", NAMESPACE).splitlines()[0].split()
    wide = crds.kubectl("get", "tgr", "-n", NAMESPACE, "-o", "wide").splitlines()[0].split()
    assert narrow == ["NAME", "STATE", "PHASE", "WEIGHT", "GATES", "READY", "AGE"]
    assert set(wide) - set(narrow) == {"STABLE", "CANARY", "MESSAGE"}


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("rollouts.tidegate.io.spec.phases", "Share of requests the canary gets, in percent."),
        ("rollouts.tidegate.io.spec.guards", "What happens when it trips"),
        ("rollouts.tidegate.io.status", "What, why and what next, in one sentence."),
        ("rolloutactions.tidegate.io.spec", "Name of the Rollout in the same namespace."),
        ("rolloutruns.tidegate.io.status", "When the run ended, in UTC."),
    ],
)
def test_kubectl_explain_describes_the_fields(crds, field, words):
    assert words in " ".join(crds.kubectl("explain", field).split())


def test_an_action_is_written_once(crds):
    crds.kubectl("apply", "-f", "-", stdin=manifest(ACTION, "RolloutAction"))
    try:
        again = refusal(crds, manifest(ACTION | {"verb": "pause"}, "RolloutAction"))
        assert "an action is written once; create a new RolloutAction instead" in again
    finally:
        crds.kubectl("delete", "tga", "crd-test", "-n", NAMESPACE)


def test_an_unknown_verb_is_refused_with_those_there_are(crds):
    text = manifest(ACTION | {"verb": "explode"}, "RolloutAction")
    assert '"abort", "pause", "resume"' in refusal(crds, text, "--dry-run=server")


def test_only_what_is_about_a_phase_names_one(crds):
    skip = ACTION | {"verb": "skip", "phase": "all"}
    crds.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest(skip, "RolloutAction"))
    text = manifest(ACTION | {"phase": "all"}, "RolloutAction")
    told = "phase is only for skip, approve and reject; leave it out"
    assert told in refusal(crds, text, "--dry-run=server")


def test_an_approval_says_of_which_revision_and_it_alone_names_groups(crds):
    approve = ACTION | {"verb": "approve"}
    text = manifest(approve, "RolloutAction")
    assert "approve needs revision" in refusal(crds, text, "--dry-run=server")
    whole = approve | {"revision": "a91c02", "phase": "all", "requestedGroups": ["qa"]}
    crds.kubectl("apply", "--dry-run=server", "-f", "-", stdin=manifest(whole, "RolloutAction"))
    text = manifest(ACTION | {"requestedGroups": ["qa"]}, "RolloutAction")
    assert "requestedGroups is only for approve" in refusal(crds, text, "--dry-run=server")


def test_all_our_kinds_are_listed_by_category(rollout, crds):
    assert "crd-test" in crds.kubectl("get", "tidegate", "-n", NAMESPACE)
