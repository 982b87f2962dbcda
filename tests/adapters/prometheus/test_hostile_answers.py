"""No answer, however odd, is a value unless it is one number and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.adapters.prometheus.asking import NOON, arms, ask_one, metric
from tests.adapters.prometheus.conftest import asking
from tests.adapters.prometheus.hostile import OF_TEMPLATES, ROWS, SECRET, error
from tests.adapters.prometheus.scripted import NOON_S, http, result, vector
from tests.core.scenes import NOW, Case, error_guard, in_phase, spec
from tidegate.adapters.prometheus import PrometheusMetrics, ProviderConfig, TelemetryConfig
from tidegate.adapters.prometheus.answers import SERIES_MAX, WARNINGS_MAX, WORDS_MAX_CHARS
from tidegate.api.blind import Blind
from tidegate.api.checks import Gate
from tidegate.api.phases import Phase
from tidegate.core.observation import Answer, Reading

GENERAL = [row for row in ROWS if row not in OF_TEMPLATES]
SOON_S = 0.1
"""Time-out for what never ends."""
LONG_S = 30.0
"""Time-out for what does: longer than a busy machine takes."""

BLIND_S = 60.0
POLICIES = {
    "guard reverts": Blind(),
    "blind holds": Blind(then="hold", after_s=BLIND_S),
    "blind reverts": Blind(then="revert", after_s=BLIND_S),
}


def named(rows):
    return pytest.mark.parametrize("row", rows, ids=[row.name for row in rows])


async def answered(row, provider, clock) -> Reading:
    provider.play = row.play
    async with asking(provider, clock, timeout_s=SOON_S if row.late else LONG_S) as metrics:
        return await ask_one(metrics, row.about)


@named(ROWS)
async def test_what_is_no_number_is_no_value(row, provider, clock):
    reading = await answered(row, provider, clock)
    assert (reading.answer, reading.value) == (row.answer, None), reading.detail
    assert row.words in reading.detail
    assert SECRET not in reading.detail
    assert reading.detail.isprintable()
    assert len(reading.detail) < 512
    assert reading.at == NOON
    assert len(provider.requests) == 1


@named([row for row in GENERAL if row.answer is not Answer.NODATA])
async def test_what_is_no_number_is_no_measurement_of_a_template_either(row, provider, clock):
    about = metric(template="envoy-error-rate")
    reading = await answered(replace(row, about=about), provider, clock)
    assert reading.answer is not Answer.OK


@named(GENERAL)
async def test_what_is_no_number_is_no_proof_of_idleness(row, provider, clock):
    provider.play = row.play
    async with asking(provider, clock, timeout_s=SOON_S if row.late else LONG_S) as metrics:
        reading = (await metrics.traffic([arms()]))["shop", "web"]
    assert (reading.by_revision, reading.by_subset) == (None, None)


def watched(blind: Blind, *, guard: Reading, gate: Reading) -> Case:
    """A phase that ends with its gate, under a guard that reverts, both asked a second ago."""
    return in_phase(
        spec=spec(
            blind=blind,
            guards=(error_guard(then="revert"),),
            phases=(
                Phase(name="ten", weight=10, gates=(Gate(metric="errors", max=0.01),)),
                Phase(name="half", weight=50),
            ),
        ),
        readings={"guard/0": (guard,), "gate/0/0": (gate,)},
    )


def as_of(reading: Reading, now: datetime) -> Reading:
    return replace(reading, at=now - timedelta(seconds=1))


GOOD, BAD = (Reading(NOON, Answer.OK, value=value) for value in (0.0, 0.5))


def phase_after(case: Case, now: datetime = NOW) -> str | None:
    """The phase that is decided on, or None once the run is sent back."""
    status = case.decided(now).status
    return status.phase.name if status.run is not None else None


@pytest.mark.parametrize("blind", POLICIES.values(), ids=list(POLICIES))
@pytest.mark.parametrize(
    ("guard", "gate", "phase"),
    [(GOOD, GOOD, "half"), (GOOD, BAD, "ten"), (BAD, GOOD, None)],
    ids=["good", "gate fails", "guard fails"],
)
def test_an_answer_that_is_a_number_does_what_it_should(blind, guard, gate, phase):
    case = watched(blind, guard=as_of(guard, NOW), gate=as_of(gate, NOW))
    assert phase_after(case) == phase


@pytest.mark.parametrize("blind", POLICIES.values(), ids=list(POLICIES))
@named(ROWS)
async def test_what_is_no_number_passes_no_gate_and_reverts_only_as_blindness(
    row, blind, provider, clock
):
    odd = await answered(row, provider, clock)

    def at(now: datetime, guard: Reading, gate: Reading) -> Case:
        return watched(blind, guard=as_of(guard, now), gate=as_of(gate, now))

    assert phase_after(at(NOW, GOOD, odd)) == "ten"
    assert phase_after(at(NOW, odd, GOOD)) == "ten"
    seen = at(NOW, odd, odd).decided()
    assert (seen.status.phase.name, seen.status.blind_since) == ("ten", NOW)
    for seconds, phase in (
        (BLIND_S - 1, "ten"),
        (BLIND_S, None if blind.then == "revert" else "ten"),
        (100 * BLIND_S, None if blind.then == "revert" else "ten"),
    ):
        later = NOW + timedelta(seconds=seconds)
        assert phase_after(at(later, odd, odd).with_(status=seen.status), later) == phase
    late = NOW + timedelta(seconds=BLIND_S)
    gate_alone = at(NOW, GOOD, odd).decided().status
    assert phase_after(at(late, GOOD, odd).with_(status=gate_alone), late) == "ten"


async def test_too_many_series_are_not_read(metrics, provider):
    provider.gives(*[({"n": str(n)}, n) for n in range(SERIES_MAX + 1)])
    reading = await ask_one(metrics, metric(template="envoy-error-rate"))
    assert reading.answer is Answer.ERROR
    assert "10001 series" in reading.detail


async def test_nobody_listens(metrics, clock, unused_tcp_port):
    url = f"http://127.0.0.1:{unused_tcp_port}"
    alone = PrometheusMetrics({"default": ProviderConfig(url)}, TelemetryConfig(), clock)
    reading = await ask_one(alone, metric(query="up"))
    await alone.close()
    assert reading.answer is Answer.ERROR
    assert "cannot be reached" in reading.detail


async def test_foreign_words_are_short_and_on_one_line(metrics, provider):
    provider.says(http(400, error("bad_data", "a\nb\x1b[31m " + "long " * 1000)))
    reading = await ask_one(metrics, metric(query="up"))
    assert reading.answer is Answer.REFUSED
    assert reading.detail.isprintable()
    assert len(reading.detail) < 400


@pytest.mark.parametrize("kind", ["scalar", "vector"])
async def test_of_many_remarks_only_the_first_are_shown(metrics, provider, kind):
    value = [NOON_S, "1"]
    told = value if kind == "scalar" else [{"metric": {}, "value": value}]
    infos = [f"PromQL info: {n} {'long ' * 100}" for n in range(100)]
    provider.says(http(200, result(kind, told, infos=infos)))
    reading = await ask_one(metrics, metric(query="up"))
    assert reading.answer is Answer.OK
    assert reading.detail.count("PromQL info") == WARNINGS_MAX
    assert len(reading.detail) < (WARNINGS_MAX + 1) * WORDS_MAX_CHARS


@pytest.mark.parametrize(
    ("body", "value", "detail"),
    [
        (vector(({"any": "label"}, "0.25")), 0.25, ""),
        (vector(({}, "-0")), 0.0, ""),
        (vector(({}, "1e-3")), 0.001, ""),
        (vector(({}, ".5")), 0.5, ""),
        (vector(({}, "1e-999")), 0.0, ""),
        (result("scalar", [NOON_S, "7"]), 7.0, ""),
        (vector(({}, 1), at_s=NOON_S - 30), 1.0, ""),
        (vector(({}, 1), warnings=["PromQL warning: odd"]), 1.0, "PromQL warning: odd"),
        (vector(({}, 1), infos=["PromQL info: no counter"]), 1.0, "PromQL info: no counter"),
        (vector(({}, 1), warnings=None, isPartial=False), 1.0, ""),
    ],
)
async def test_one_number_is_a_value(metrics, provider, body, value, detail):
    provider.says(http(200, body))
    reading = await ask_one(metrics, metric(query="up"))
    assert (reading.answer, reading.value, reading.detail) == (Answer.OK, value, detail)


async def test_what_the_answer_says_of_its_own_kind_does_not_matter(metrics, provider):
    provider.says(http(200, vector(({}, 1)), Content_Type="text/html; charset=utf-16"))
    reading = await ask_one(metrics, metric(query="up"))
    assert (reading.answer, reading.value) == (Answer.OK, 1.0)
