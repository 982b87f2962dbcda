"""What is counted of pods that crash, are killed, are evicted and vanish."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.pods.bodies import NOON, container, pod
from tidegate.adapters.pods.facts import read
from tidegate.adapters.pods.ledger import Ledger
from tidegate.adapters.pods.templates import TEMPLATES, Span
from tidegate.core.observation import Answer


def moment(seconds: float):
    return NOON + timedelta(seconds=seconds)


class Watched:
    """A ledger that looks at bodies of pods at seconds after noon."""

    def __init__(self) -> None:
        self.ledger = Ledger()

    def look(self, seconds: float, *bodies) -> Watched:
        self.ledger.look([read(body) for body in bodies], moment(seconds))
        return self

    def says(self, template: str, seconds: float, *, window_s: float = 60, revision: str = "abc"):
        span = Span(moment(seconds - window_s), moment(seconds))
        return TEMPLATES[template].reading(self.ledger, revision, span)


def value(template: str, *bodies, window_s: float = 60, revision: str = "abc"):
    reading = Watched().look(0, *bodies).says(template, 0, window_s=window_s, revision=revision)
    return reading.value


@pytest.mark.parametrize("template", TEMPLATES)
def test_pods_without_trouble_are_a_measured_zero(template):
    reading = Watched().look(0, pod("a"), pod("b"), pod("c", revision="def")).says(template, 0)
    assert (reading.answer, reading.value, reading.samples) == (Answer.OK, 0.0, 2.0)
    assert reading.concerned is not None
    assert reading.concerned.pods == 0


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_revision_without_pods_has_no_data(template):
    reading = Watched().look(0, pod(revision="def")).says(template, 0)
    assert (reading.answer, reading.value, reading.samples) == (Answer.NODATA, None, 0.0)


def test_the_trouble_of_another_revision_is_not_this_one_s():
    bad = pod(
        "b", revision="def", ready=False, containers=(container(3, ended_s=-1, why="OOMKilled"),)
    )
    for template in TEMPLATES:
        assert value(template, pod("a"), bad) == 0.0


@pytest.mark.parametrize(
    ("bodies", "loops"),
    [
        ((pod(containers=(container(waits="CrashLoopBackOff"),)),), 1.0),
        ((pod(containers=(container(), container(name="b", waits="CrashLoopBackOff"))),), 1.0),
        ((pod(containers=(container(waits="ImagePullBackOff"),)),), 0.0),
        ((pod(leaving=True, containers=(container(waits="CrashLoopBackOff"),)), pod("b")), 0.0),
    ],
)
def test_a_pod_loops_while_a_container_of_it_waits_in_crash_loop_back_off(bodies, loops):
    assert value("kube-crash-loops", *bodies) == loops


def test_an_init_container_that_loops_counts_too():
    body = pod()
    body["status"]["initContainerStatuses"] = [container(waits="CrashLoopBackOff")]
    assert value("kube-crash-loops", body) == 1.0


def test_not_ready_counts_once_it_was_so_for_the_whole_window():
    bodies = (pod("a", ready=False, since_s=-30), pod("b"), pod("c"), pod("d"))
    assert value("kube-unready-share", *bodies, window_s=20) == 0.25
    assert value("kube-unready-share", *bodies, window_s=40) == 0.0


def test_what_is_over_or_leaving_is_not_unready():
    bodies = (
        pod("a", phase="Failed", ready=False),
        pod("b", phase="Succeeded", ready=False),
        pod("c", leaving=True, ready=False),
        pod("d"),
    )
    assert value("kube-unready-share", *bodies) == 0.0
    reading = Watched().look(0, *bodies[:3]).says("kube-unready-share", 0)
    assert reading.answer is Answer.NODATA


def test_restarts_of_a_pod_as_old_as_the_window_all_count():
    assert value("kube-restarts", pod(created_s=-50, containers=(container(3, ended_s=-5),))) == 3.0


def test_of_older_restarts_only_what_is_known_to_be_within_the_window_counts():
    assert value("kube-restarts", pod(containers=(container(1, ended_s=-5),))) == 1.0
    assert value("kube-restarts", pod(containers=(container(3, ended_s=-90),))) == 0.0


def test_restarts_between_two_looks_count_from_then_on_and_leave_with_the_window():
    watched = Watched().look(0, pod(containers=(container(1, ended_s=-90),)))
    watched.look(10, pod(containers=(container(4, ended_s=8),)))
    assert watched.says("kube-restarts", 10).value == 3.0
    assert watched.says("kube-restarts", 67).value == 1.0
    assert watched.says("kube-restarts", 71).value == 0.0


@pytest.mark.parametrize(
    "status", [container(5, ended_s=-5), container(5), container(1), container(2, ended_s=-60)]
)
def test_restarts_at_unknown_times_are_no_number_until_a_window_was_watched(status):
    """A process that takes over must not say 1 where 5 were within the window."""
    for template in TEMPLATES:
        reading = Watched().look(0, pod(containers=(status,))).says(template, 0)
        said = Answer.NODATA if template == "kube-restarts" else Answer.OK
        assert reading.answer is said
    watched = Watched().look(0, pod(containers=(status,)))
    assert "nobody tells" in watched.says("kube-restarts", 0).detail
    assert watched.says("kube-restarts", 0, revision="def").detail == "the revision has no pods"
    watched.look(10, pod(containers=(status,)))
    watched.look(61, pod(containers=(container(status["restartCount"] + 2, ended_s=60),)))
    assert watched.says("kube-restarts", 61).value == 2.0


def test_a_deleted_pod_takes_no_restart_with_it():
    watched = Watched().look(0, pod("a", containers=(container(1, ended_s=-2),)), pod("b"))
    before = watched.says("kube-restarts", 0)
    watched.look(10, pod("b"))
    assert watched.says("kube-restarts", 10) != before
    assert watched.says("kube-restarts", 10).value == before.value == 1.0
    watched.look(20)
    assert watched.says("kube-restarts", 20).value == 1.0
    assert watched.says("kube-restarts", 20).concerned.names == ("a",)


def test_a_node_whose_clock_is_slow_hides_no_restart_that_was_seen():
    watched = Watched().look(0, pod(containers=(container(0),)))
    watched.look(10, pod(containers=(container(1, ended_s=-3000),)))
    assert watched.says("kube-restarts", 10).value == 1.0


def test_a_node_whose_clock_is_fast_puts_nothing_into_the_future():
    watched = Watched().look(0, pod(containers=(container(1, ended_s=3000),)))
    assert watched.says("kube-restarts", 0).value == 1.0
    assert watched.says("kube-restarts", 70).value == 0.0


def test_each_kill_for_want_of_memory_counts_once_however_often_it_is_seen():
    watched = Watched()
    for seconds in (0, 5, 10):
        watched.look(seconds, pod(containers=(container(1, ended_s=-1, why="OOMKilled"),)))
    assert watched.says("kube-oom-kills", 10).value == 1.0
    watched.look(15, pod(containers=(container(2, ended_s=12, why="OOMKilled"),)))
    assert watched.says("kube-oom-kills", 15).value == 2.0
    watched.look(20, pod(containers=(container(3, ended_s=18),)))
    assert watched.says("kube-oom-kills", 20).value == 2.0


def test_a_pod_that_was_evicted_counts_as_long_as_the_window_says():
    body = pod("a", phase="Failed", reason="Evicted", ready=False, since_s=-10)
    assert value("kube-evictions", body, pod("b")) == 1.0
    assert value("kube-evictions", body, pod("b"), window_s=5) == 0.0
    assert value("kube-evictions", pod("a", phase="Failed", reason="NodeLost"), pod("b")) == 0.0


def test_the_worst_three_pods_are_named():
    bodies = [
        pod(f"web-{n}", created_s=-50, containers=(container(n, ended_s=-1),)) for n in range(6)
    ]
    concerned = Watched().look(0, *bodies).says("kube-restarts", 0).concerned
    assert (concerned.pods, concerned.names) == (5, ("web-5", "web-4", "web-3"))


COUNTS = st.lists(
    st.lists(st.none() | st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=6
)


@given(COUNTS)
def test_within_the_window_no_count_ever_falls(steps):
    """Whatever pods restart, vanish and appear."""
    watched, restarts, last = Watched(), [0, 0, 0], 0.0
    for number, step in enumerate(steps):
        bodies = []
        for place, more in enumerate(step):
            if more is None:
                continue
            restarts[place] += more
            status = container(restarts[place], ended_s=number)
            bodies.append(pod(f"web-{place}", created_s=-1, containers=(status,)))
        watched.look(number, *bodies)
        said = watched.says("kube-restarts", number).value or 0.0
        assert said >= last
        last = said
