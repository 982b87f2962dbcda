"""RolloutPolicies as they are read: what is wrong with one, and for whom the others hold."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.samples import SPEC as ROLLOUT
from tests.api.samples import body, parsed
from tidegate.api.crds import KINDS, crd
from tidegate.api.limits import MAX_POLICIES
from tidegate.api.policy import Policy, check_id, policy_of_id
from tidegate.api.policy_checks import applied_to, matching, problems_of, read_policy
from tidegate.api.rollout import Rollout

METRIC = {"name": "errors", "template": "istio-error-rate"}
GUARD = {"metric": "errors", "max": 0.01}
SPEC = {"metrics": [METRIC], "guards": [GUARD]}


FRIDAY = {"name": "friday", "days": ["Fri"], "from": "16:00", "until": "08:00"}
ONCE = {"name": "once", "from": "2026-12-20T00:00:00Z", "until": "2027-01-06T00:00:00Z"}
WINDOWS = [
    ({"freeze": [window]}, sentence)
    for window, sentence in (
        (FRIDAY | {"until": "24:00"}, "spec.freeze[0].until: must be a time of day such as 16:00"),
        (FRIDAY | {"days": ["Friday"]}, "spec.freeze[0].days[0]: must be"),
        (FRIDAY | {"days": []}, "with days, from and until are times of day"),
        (FRIDAY | {"until": ONCE["until"]}, "with days, from and until are times of day"),
        (ONCE | {"days": ["Mon"]}, "with days, from and until are times of day"),
        (ONCE | {"until": ONCE["from"]}, "spec.freeze[0].until: until must be later than from"),
        (ONCE | {"until": "2026-12-20T00:30:00+01:00"}, "until must be later than from"),
        (ONCE | {"until": "2027-02-31T00:00:00Z"}, "until must be later than from"),
        (ONCE | {"timeZone": "Europe/Berlin"}, "spec.freeze[0].timeZone: is for a window with"),
        (ONCE | {"from": None}, "spec.freeze[0].from: must be a text"),
    )
] + [
    ({"freeze": [FRIDAY, FRIDAY]}, "spec.freeze[1].name: 'friday' is already taken above"),
    ({"oneAtATime": True}, "spec.oneAtATime: must be an object"),
    ({"dependsOn": [{"namespace": "shop"}]}, "spec.dependsOn[0].name: is required"),
]


TEST = {"to": "stable", "test": "sequential", "margin": 1.2}
TESTED = {"metric": "errors", "compare": TEST}


def policy(name="house", **fields):
    """A policy as the API server holds it, read."""
    return read_policy({"metadata": {"name": name, "generation": 3}, "spec": SPEC | fields})


def test_a_policy_without_a_mistake_has_its_guards_and_is_for_all():
    found = policy()
    assert (found.problem, found.generation, len(found.guards)) == ("", 3, 1)
    assert matching([found], {}, {}) == (found,)
    assert not found.tells_only("observe")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"metrics": []}, "spec.guards[0].metric: no metric is named 'errors'; spec.metrics is"),
        ({"guards": [GUARD | {"metric": "a/errors"}]}, "no metric is named 'a/errors'"),
        ({"metrics": [METRIC, METRIC]}, "spec.metrics[1].name: 'errors' is already taken above"),
        ({"metrics": [METRIC | {"template": "x"}]}, "no template is named 'x'"),
        ({"guards": [{"metric": "errors"}]}, "set at least one of min, max and compare"),
        (
            {"guards": [GUARD | {"compare": {"to": "baseline", "maxIncrease": 1}}]},
            "only stable can be compared with yet",
        ),
        (
            {"guards": [{"scorecard": "health"}]},
            "spec.guards: a policy has no scorecards: name a metric in each guard",
        ),
        ({"guards": [GUARD | {"max": "much"}]}, "spec.guards[0].max: must be a number"),
        ({"frost": True}, "spec.frost: is not a field of this object"),
        *WINDOWS,
        (
            {"guards": [TESTED] * 5},
            "spec.guards: at most 4 guards of a policy may have a test: all share one chance",
        ),
        (
            {"guards": [{"metric": "errors", "compare": TEST | {"test": "welch"}}]},
            "spec.guards[0].compare.test: welch may look only once",
        ),
        ({"guards": [TESTED | {"then": "hold"}]}, "spec.guards[0].then: hold is not for a test"),
        (
            {
                "metrics": [{"name": "errors", "query": "vector(1)"}],
                "guards": [{"metric": "errors", "compare": {"to": "stable", "maxIncrease": 1}}],
            },
            "is the same for both revisions",
        ),
    ],
)
def test_what_is_wrong_is_said_and_then_none_of_its_guards_is_watched(fields, sentence):
    found = policy(**fields)
    assert sentence in found.problem
    assert (found.guards, found.metrics) == ((), ())


def test_a_policy_may_have_guards_with_a_test():
    found = policy(guards=[TESTED] * 4)
    assert (found.problem, len(found.guards)) == ("", 4)


def test_one_that_cannot_be_read_is_still_for_those_it_names_and_for_all_if_that_is_odd_too():
    named = {"selector": {"matchLabels": {"tier": "one"}}}
    found = policy(guards=5, rollouts=named)
    assert matching([found], {"tier": "one"}, {}) == (found,)
    assert matching([found], {"tier": "two"}, {}) == ()
    assert len(matching([policy(rollouts=5)], {}, {})) == 1


labels = st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy"), max_size=3)


@given(asked=labels, has=labels)
def test_a_selector_matches_what_has_all_its_labels(asked, has):
    wanted = {"matchLabels": asked}
    expected = asked.items() <= has.items()
    by_rollout = policy(rollouts={"selector": wanted})
    by_namespace = policy(rollouts={"namespaceSelector": wanted})
    assert bool(matching([by_rollout], has, {})) is expected
    assert bool(matching([by_namespace], {}, has)) is expected
    both = policy(rollouts={"selector": wanted, "namespaceSelector": wanted})
    assert bool(matching([both], has, has)) is expected
    assert matching([both], has, {"z": "z"}) == () or not asked


def test_while_a_namespace_is_not_known_a_policy_that_asks_for_it_counts_as_not_understood():
    asks = policy(rollouts={"namespaceSelector": {}})
    found = matching([asks], {}, None, "the labels of namespace 'shop' cannot be read: no")
    assert [(one.problem, one.guards) for one in found] == [
        ("the labels of namespace 'shop' cannot be read: no", ())
    ]


def test_policies_stand_in_the_order_of_their_names_whatever_order_they_came_in():
    found = matching([policy("b"), policy("c"), policy("a")], {}, {})
    assert [one.name for one in found] == ["a", "b", "c"]


def test_too_many_policies_are_a_problem_rather_than_forgotten():
    spec = parsed(ROLLOUT)
    many = [policy(f"p{i}") for i in range(MAX_POLICIES + 1)]
    assert not any(one.problem for one in applied_to(spec, many[:MAX_POLICIES]))
    found = applied_to(spec, many)
    assert len(found) == MAX_POLICIES
    assert f"{MAX_POLICIES + 1} RolloutPolicies match this Rollout" in found[-1].surplus
    assert not any(one.problem for one in found)
    assert all(one.guards for one in found)


def test_a_template_that_a_plain_service_cannot_answer_is_a_problem_there_and_only_there():
    envoy = policy(metrics=[METRIC | {"template": "envoy-error-rate"}])
    spec = parsed(ROLLOUT)
    assert applied_to(spec, [envoy])[0].problem == ""
    switch = parsed(ROLLOUT | {"traffic": {"service": {"active": "web"}}, "phases": []})
    assert "a plain Service has only one" in applied_to(switch, [envoy])[0].problem


QUERY = {"name": "errors", "query": "rate(errors[5m])"}


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        (
            {"metrics": [QUERY], "guards": [GUARD | {"window": "5m"}]},
            "spec.guards[0].window: is not read by the query of metric 'errors'",
        ),
        (
            {"guards": [GUARD | {"minPods": 2}]},
            "spec.guards[0].minPods: is only for templates that see single pods",
        ),
        (
            {"metrics": [METRIC | {"provider": "kubernetes"}]},
            "spec.metrics[0].provider: kubernetes is the API server",
        ),
        ({"guards": [GUARD | {"warnMax": 0.01}]}, "spec.guards[0].warnMax: warnMax must be less"),
        ({"guards": [GUARD | {"failures": 2, "of": 3}]}, "set one of the two"),
    ],
)
def test_what_is_refused_of_a_rollouts_guards_is_refused_of_a_policys(fields, sentence):
    assert sentence in policy(**fields).problem


def test_every_field_of_a_rollouts_guard_is_one_of_a_policys():
    pods = {"name": "loops", "template": "kube-crash-loops"}
    fields = {
        "severity": "info",
        "failures": 3,
        "warnMax": 0.005,
        "window": "5m",
        "delay": "30s",
        "onNoData": "fail",
        "onError": "ignore",
        "blind": {"after": "1m", "then": "revert"},
    }
    guards = [GUARD | fields, {"metric": "loops", "max": 0, "minPods": 2}]
    found = policy(metrics=[METRIC, pods], guards=guards)
    assert found.problem == ""
    assert (found.guards[0].loudness, found.guards[1].min_pods) == ("info", 2)


@pytest.mark.parametrize(("delay", "late"), [("59s", False), ("1m", True)])
def test_a_delay_that_leaves_a_phase_no_time_is_a_problem_for_that_rollout_only(delay, late):
    slow = policy(guards=[GUARD | {"delay": delay}])
    phases = [{"name": "ten", "weight": 10, "hold": "10s", "deadline": "1m"}]
    found = applied_to(parsed(ROLLOUT | {"phases": phases}), [slow])[0]
    assert ("must be shorter than the deadline of phase ten, 1m" in found.problem) is late
    assert slow.problem == ""


# ---------------------------------------------------------------- references of Rollouts


def _referring(metric, *policies):
    guarded = ROLLOUT | {"guards": [{"metric": metric, "max": 1}]}
    rollout = replace(Rollout.parse(body(guarded)), policies=policies)
    return [str(problem) for problem in problems_of(rollout)]


def test_a_rollout_may_name_a_metric_of_a_policy_that_holds_for_it():
    assert _referring("house/errors", policy()) == []


@pytest.mark.parametrize(
    ("metric", "policies", "sentence"),
    [
        ("house/errors", (), "no RolloutPolicy 'house' holds for this Rollout; none does"),
        ("hose/errors", (policy(),), "no RolloutPolicy 'hose' holds for this Rollout; those"),
        ("house/slow", (policy(),), "no metric is named 'slow'; defined are errors"),
    ],
)
def test_a_reference_to_what_no_policy_gives_is_said(metric, policies, sentence):
    [found] = _referring(metric, *policies)
    assert found.startswith(f"spec.guards[0].metric: {sentence}")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({"window": "5m"}, "is not read by the query"), ({"minPods": 2}, "is only for templates")],
)
def test_a_guard_on_a_metric_of_a_policy_is_held_to_what_that_can_be_asked(fields, sentence):
    guard = {"metric": "house/errors", "max": 1} | fields
    rollout = Rollout.parse(body(ROLLOUT | {"guards": [guard]}))
    odd = problems_of(replace(rollout, policies=(policy(metrics=[QUERY]),)))
    assert [sentence in problem.message for problem in odd] == [True]


def test_a_policy_that_is_not_understood_makes_no_rollout_invalid():
    assert _referring("house/errors", policy(guards=5)) == []


# ---------------------------------------------------------------- ids, CRD


@given(
    place=st.integers(0, 7),
    name=st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?", fullmatch=True),
)
def test_ids_name_their_policy_and_no_other_check_does(place, name):
    assert policy_of_id(check_id(name, place)) == name
    assert {policy_of_id(one) for one in ("guard/0", "guard/1/0", "gate/1/0", "")} == {""}


def test_policies_belong_to_no_namespace():
    [kind] = [kind for kind in KINDS if kind.name == "RolloutPolicy"]
    made = crd(kind)["spec"]
    assert (made["scope"], made["names"]["shortNames"]) == ("Cluster", ["tgp"])


def test_a_body_without_a_spec_is_a_policy_that_asks_for_nothing():
    found = Policy.parse({"metadata": {"name": "bare"}, "spec": {}})
    assert (found.problem, found.guards) == ("", ())


def test_a_policy_that_cannot_be_read_keeps_its_mode():
    observing = policy(mode="observe", later=True)
    assert observing.problem
    assert observing.tells_only("enforce")
    allowing = policy(allowObserve=True, guards="none")
    assert allowing.tells_only("observe")
    assert not allowing.tells_only("enforce")
    for odd in ({"mode": "loud"}, {"mode": 3, "allowObserve": "yes"}):
        assert not policy(**odd).tells_only("observe")
    blind = policy(mode="observe", rollouts=3)
    assert blind.tells_only("enforce")
    assert matching([blind], {}, {}) == (blind,)


def test_what_makes_releases_wait_is_read_as_it_is_written():
    waits = {
        "freeze": [FRIDAY | {"timeZone": "Europe/Berlin", "reason": "late"}, ONCE],
        "oneAtATime": {"groupLabel": "team", "countBake": True},
        "dependsOn": [{"name": "db", "namespace": "ops"}, {"name": "cart"}],
    }
    found = policy(**waits)
    assert found.problem == ""
    written = found.spec.as_dict()
    once = waits["freeze"][1] | {"days": [], "reason": ""}
    assert written["freeze"] == [waits["freeze"][0], once]
    assert (written["oneAtATime"], written["dependsOn"]) == (
        waits["oneAtATime"],
        waits["dependsOn"],
    )
    assert found.windows[1].once[1].isoformat() == "2027-01-06T00:00:00+00:00"
    assert (found.one_at_a_time.group_label, len(found.depends_on)) == ("team", 2)


def test_a_policy_that_is_not_understood_makes_nobody_wait_for_what_it_says():
    odd = policy(freeze=[FRIDAY], oneAtATime={}, dependsOn=[{"name": "db"}], metrics=[])
    assert (odd.windows, odd.one_at_a_time, odd.depends_on) == ((), None, ())
    kept = replace(odd, stands_in=True)
    assert len(kept.windows) == len(kept.depends_on) == 1
    assert kept.one_at_a_time is not None
