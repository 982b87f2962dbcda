import copy
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.samples import JSON, SPEC, body, changed, complaints, parsed
from tidegate.api.blind import Blind
from tidegate.api.problems import SpecError
from tidegate.api.rollout import Drain, Rollout, RolloutSpec


def test_what_is_left_out_has_its_default():
    spec = parsed({"selector": {"matchLabels": {"app": "web"}}, "template": {}})
    assert (spec.replicas, spec.paused, spec.mode) == (1, False, "enforce")
    assert spec.drain == Drain(min_s=None, max_s=600)
    assert spec.blind == Blind(after_s=300, then="hold")
    assert spec.progress_deadline_s == 600


def test_who_the_rollout_is_comes_from_its_metadata():
    rollout = Rollout.parse(
        body(SPEC, uid="u1", resourceVersion="7", generation=3, deletionTimestamp="2026-01-01")
    )
    assert (rollout.name, rollout.namespace, rollout.uid) == ("web", "shop", "u1")
    assert (rollout.resource_version, rollout.generation, rollout.deleting) == ("7", 3, True)


def test_a_manifest_on_disk_has_no_uid_and_no_version_yet():
    rollout = Rollout.parse({"metadata": {"name": "web"}, "spec": SPEC})
    assert (rollout.namespace, rollout.uid, rollout.generation) == ("default", "", 0)


def test_a_spec_comes_back_the_same_over_the_wire():
    spec = parsed(SPEC)
    assert parsed(spec.as_dict()) == spec


def test_a_parsed_spec_shares_nothing_with_the_body():
    mine = copy.deepcopy(SPEC)
    spec = parsed(mine)
    mine["template"]["metadata"]["labels"]["app"] = "other"
    assert spec.template == SPEC["template"]


def test_a_read_only_view_is_read_like_a_dict():
    assert parsed(MappingProxyType({**SPEC, "template": MappingProxyType({})})).template == {}


def test_a_spec_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        parsed(SPEC).replicas = 5


def test_a_name_too_long_for_a_label_is_refused():
    with pytest.raises(SpecError, match=r"metadata\.name: must have at most 63 characters"):
        Rollout.parse({"metadata": {"name": "x" * 64}, "spec": SPEC})


WRONG = [
    ("replicas", "4", "spec.replicas: must be a whole number, but is '4'"),
    ("replicas", -1, "spec.replicas: must be at least 0, but is -1"),
    ("phases.0.weight", 150, "spec.phases[0].weight: must be at most 100, but is 150"),
    ("phases.1.weight", None, "spec.phases[1].weight: is required"),
    ("phases.0.hold", 600, "spec.phases[0].hold: must be a duration with a unit, such as 30s"),
    ("phases.0.hold", "5 min", "spec.phases[0].hold: must be a duration such as 30s, 5m or 1h30m"),
    ("phases.0.replicas", "40", "spec.phases[0].replicas: must be a number from 0 to 10000 or a"),
    ("phases.0.name", "Canary 10", "spec.phases[0].name: must be lower-case letters, digits"),
    ("phases", {}, "spec.phases: must be a list, but is an object"),
    ("mode", "watch", "spec.mode: must be 'enforce' or 'observe', but is 'watch'"),
    ("paused", "yes", "spec.paused: must be true or false, but is 'yes'"),
    ("phase", [], "spec.phase: is not a field of this object; check the spelling"),
    ("guards.0.max", "0.05", "spec.guards[0].max: must be a number, but is '0.05'"),
    ("metrics.1.quantile", 95, "spec.metrics[1].quantile: must be less than 1, but is 95"),
    ("metrics.0.query", "x" * 5000, "spec.metrics[0].query: must have at most 4096 characters"),
    ("traffic.istio.managed", {"hosts": ["Shop"]}, "managed.hosts[0]: must be a host such as"),
    ("traffic.istio.managed", {"hosts": ["a"] * 17}, "managed.hosts: must have at most 16"),
    ("traffic.istio.managed", {"gateways": ["a/b/c"]}, "managed.gateways[0]: must be a gateway"),
    ("traffic.istio.managed", {"port": 0}, "managed.port: must be at least 1, but is 0"),
    ("drain", 5, "spec.drain: must be an object, but is 5"),
    ("template", [], "spec.template: must be an object, but is a list"),
    ("progress_deadline_s", "5m", "spec.progress_deadline_s: is not a field of this object"),
]


@pytest.mark.parametrize(("path", "value", "sentence"), WRONG, ids=[case[2] for case in WRONG])
def test_a_wrong_field_is_named_with_what_it_should_be(path, value, sentence):
    with pytest.raises(SpecError) as caught:
        parsed(changed((path, value)))
    assert any(sentence in str(problem) for problem in caught.value.problems)


def test_every_wrong_field_is_named_at_once():
    with pytest.raises(SpecError) as caught:
        parsed(changed(("replicas", -1), ("phases.0.weight", 101)))
    assert [problem.path for problem in caught.value.problems] == [
        "spec.replicas",
        "spec.phases[0].weight",
    ]


def test_a_long_value_is_cut_in_the_sentence():
    with pytest.raises(SpecError) as caught:
        parsed(changed(("mode", "x" * 1000)))
    assert len(str(caught.value)) < 200


@given(JSON)
def test_any_body_is_read_or_refused_with_sentences(anything):
    complaints(Rollout.parse, anything)


@given(JSON, st.sampled_from(sorted(RolloutSpec.model_json_schema()["properties"])))
def test_any_value_in_any_field_is_read_or_refused_with_sentences(anything, field):
    found = complaints(parsed, {**SPEC, field: anything})
    assert all(problem.path.startswith("spec") for problem in found)


@pytest.mark.parametrize("hostile", [{"a": object()}, {1: {2}}, {"a": float("nan")}])
def test_what_is_not_json_is_refused(hostile):
    with pytest.raises(SpecError, match="cannot be read"):
        parsed({**SPEC, "template": hostile})


def test_a_bottomless_template_is_refused():
    deep: dict[str, object] = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(SpecError):
        parsed({**SPEC, "template": deep})
