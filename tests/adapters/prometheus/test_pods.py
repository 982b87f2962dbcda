"""What is asked about pods, and whose pods they are."""

from __future__ import annotations

import pytest

from tests.adapters.prometheus.asking import ask_one, metric, subject
from tidegate.adapters.prometheus.pods import POD_TEMPLATES
from tidegate.core.observation import Answer
from tidegate.ports.metrics import Question

REVISION = "0123456789"
each_template = pytest.mark.parametrize("template", sorted(POD_TEMPLATES))


def of_set(value: object, samples: object, name: str = f"web-{REVISION}", namespace: str = "shop"):
    labels = {"namespace": namespace, "replica_set": name}
    return ({**labels, "part": "value"}, value), ({**labels, "part": "samples"}, samples)


@each_template
async def test_a_revision_is_the_set_of_its_rollout_in_its_namespace(metrics, provider, template):
    provider.gives(
        *of_set(0.5, 4),
        *of_set(9, 4, namespace="else"),
        *of_set(9, 4, name=f"other-{REVISION}"),
        *of_set(9, 4, name="web-ba9876543f"),
        *of_set(9, 4, name=""),
    )
    reading = await ask_one(metrics, metric(template), subject(REVISION))
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, 0.5, 4)


@each_template
async def test_both_arms_are_in_one_answer(metrics, provider, template):
    provider.gives(*of_set(0.5, 4), *of_set(0.25, 8, name="web-ba9876543f"))
    question = Question(metric(template), subject(REVISION), stable=subject("ba9876543f", "stable"))
    reading = (await metrics.ask([question]))[question]
    assert (reading.value, reading.stable.value, reading.stable.samples) == (0.5, 0.25, 8)
    assert len(provider.requests) == 1


@each_template
@pytest.mark.parametrize(
    ("value", "samples"), [("NaN", 1), ("+Inf", 1), (-1, 1), (0, "NaN"), (0, -1)]
)
async def test_what_cannot_be_right_of_pods_is_not_measured(
    metrics, provider, template, value, samples
):
    provider.gives(*of_set(value, samples))
    reading = await ask_one(metrics, metric(template), subject(REVISION))
    assert (reading.answer, reading.value) == (Answer.NODATA, None)
    assert "Prometheus has " in reading.detail


async def test_no_restart_of_pods_that_are_there_is_a_value(metrics, provider):
    provider.gives(*of_set(0, 4))
    reading = await ask_one(metrics, metric("pod-restarts"), subject(REVISION))
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, 0, 4)


@pytest.mark.parametrize("resource", ["cpu", "memory"])
async def test_containers_without_a_limit_have_no_share_of_it(metrics, provider, resource):
    provider.gives()
    reading = await ask_one(metrics, metric(f"container-{resource}"), subject(REVISION))
    assert reading.answer is Answer.NODATA
    assert reading.detail == "no containers with a limit in the last 60 s"
