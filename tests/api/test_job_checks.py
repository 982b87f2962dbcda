"""Metrics that Jobs bring: what cannot be asked of them is refused where it stands."""

import pytest

from tests.api.samples import SPEC, changed, parsed
from tidegate.api.policy_checks import read_policy
from tidegate.api.problems import SpecError
from tidegate.api.validation import problems

JOB = {"name": "satisfaction", "job": {"cronJob": "survey", "timeout": "1m"}}
ASKS = {"metric": "satisfaction", "min": 0.9, "interval": "2m"}


def said(*edits, metric=JOB):
    """What is said of a spec with a metric that a Job brings."""
    spec = changed(("metrics", [*SPEC["metrics"], metric]), *edits)
    return [str(one) for one in problems(parsed(spec))]


def test_a_job_may_bring_the_value_of_guards_gates_and_members():
    card = {"name": "health", "pass": 90}
    card["members"] = [{"metric": "satisfaction", "weight": 1, "min": 0.9, "minSamples": 50}]
    assert said(("guards.0", ASKS), ("phases.0.gates.0", ASKS)) == []
    scored = {"scorecard": "health", "interval": "2m"}
    assert said(("scorecards", [card]), ("guards.0", scored), ("phases.0.gates.0", ASKS)) == []


@pytest.mark.parametrize(
    ("edit", "path", "sentence"),
    [
        ({"interval": "59s"}, "interval", "must be at least 1m with metric 'satisfaction'"),
        ({"window": "5m"}, "window", "is not read by a job"),
        ({"compare": {"to": "stable", "maxIncrease": 1}}, "compare", "the new revision alone"),
    ],
)
@pytest.mark.parametrize("where", ["guards", "gates"])
def test_what_a_job_cannot_do_is_refused_at_its_place(edit, path, sentence, where):
    place = "guards.0" if where == "guards" else "phases.0.gates.0"
    begins = "spec.guards[0]" if where == "guards" else "spec.phases[0].gates[0]"
    (found,) = said((place, ASKS | edit))
    assert found.startswith(f"{begins}.{path}: ")
    assert sentence in found


def test_an_interval_that_would_start_pods_all_the_time_is_refused():
    quick = JOB | {"job": {"cronJob": "survey", "timeout": "5s"}}
    (found,) = said(("guards.0", ASKS | {"interval": "29s"}), metric=quick)
    assert "must be at least 30s" in found
    assert said(("guards.0", ASKS | {"interval": "30s"}), metric=quick) == []


def test_all_that_ask_for_one_job_have_one_interval():
    (found,) = said(("guards.0", ASKS), ("phases.0.gates.0", ASKS | {"interval": "3m"}))
    assert found.startswith("spec.phases[0].gates[0].interval: must be 2m as in spec.guards[0]")


def test_a_member_that_a_job_brings_cannot_be_compared():
    member = {"metric": "satisfaction", "weight": 1, "compare": {"to": "stable", "maxIncrease": 1}}
    card = {"name": "health", "pass": 90, "members": [member]}
    (found,) = said(("scorecards", [card]), ("guards.0", {"scorecard": "health", "interval": "2m"}))
    assert found.startswith("spec.scorecards[0].members[0].compare: a job measures")


def test_a_window_of_such_a_metric_is_refused_and_the_usual_one_is_not():
    (found,) = said(metric=JOB | {"window": "5m"})
    assert found.startswith("spec.metrics[2].window: is not read by a job")
    assert said(metric=JOB | {"window": "1m"}) == []


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"query": "up"}, "set exactly one of template (built in), query (your own PromQL) and"),
        ({"template": "istio-error-rate"}, "set exactly one of template (built in), query"),
        ({"samples": "up"}, "a job brings its samples itself"),
        ({"provider": "other"}, "a job brings its samples itself and asks no provider"),
        ({"quantile": 0.5}, "is only for"),
        ({"job": {"cronJob": "survey", "timeout": "500ms"}}, "timeout must be at least 1s"),
    ],
)
def test_what_belongs_to_queries_is_refused_beside_a_job(more, sentence):
    assert any(sentence in one for one in said(metric=JOB | more))


def test_a_job_names_its_cron_job():
    with pytest.raises(SpecError, match=r"metrics\[0\].job.cronJob: is required"):
        parsed(changed(("metrics.0", {"name": "error-rate", "job": {}})))


def test_so_many_metrics_may_be_brought_by_jobs():
    names = [f"m{i}" for i in range(9)]
    metrics = [*SPEC["metrics"], *({**JOB, "name": name} for name in names)]
    (found,) = [str(one) for one in problems(parsed(changed(("metrics", metrics))))]
    assert found.startswith("spec.metrics: 9 of them are brought by jobs, 8 may be")


def test_a_policy_has_no_jobs():
    spec = {"metrics": [JOB], "guards": [ASKS]}
    found = read_policy({"metadata": {"name": "house", "generation": 1}, "spec": spec})
    assert "spec.metrics[0].job: is not for a policy" in found.problem
