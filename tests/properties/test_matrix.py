"""Every state of the machine by abort, delete, supersede, restart and every way to move a release.

A matrix and no sample: each cell is lived through, and again with a process that dies after its
next write. TIDEGATE_QUICK=2 takes another way each day, and all cells of that.
"""

import re
from pathlib import Path

import pytest

import tidegate
from tests.properties.loop import Operator
from tests.properties.matrix import NOT_YET, REPLACED, ROWS, End, healed, ways
from tests.properties.scenario import LONG_S, finish, retarget
from tidegate.api.actions import Verb
from tidegate.api.status import Stage, State
from tidegate.core.leaving import LEAVE_S_MAX

PAUSE_S = 100.0
SOON_S = 20.0
"""For so long it lives with what happened before a person mends and resumes the rest."""
FIRST_PODS_S = 5.0
"""By then proxies know the first pods of all; nothing was there to serve before."""
GIVEN = r"(?:return |state=|else |\b= )State\.([A-Z_]+)"
"""How the source gives a Rollout its state."""
CELLS = [(row, way) for row in ROWS for way in ways()]
BOTH = pytest.mark.parametrize("dies", [False, True], ids=["it lives on", "it dies at once"])


@pytest.fixture(params=CELLS, ids=" by ".join)
def place(request):
    """A row, and an operator that is there."""
    name, way = request.param
    row = ROWS[name]
    operator = row.reach(way)
    status = operator.status
    assert (status.state, status.run and status.run.stage) == (row.called(way), row.stage)
    return row, operator


def _dies_next(operator: Operator) -> None:
    operator.crash_after = frozenset({operator.writes + 1})


def _ends_as(operator: Operator, end: End) -> None:
    """Once all is mended, it comes to that end, and not a request is lost on the way."""
    operator.run(operator.world.now_s + SOON_S)
    healed(operator)
    finish(operator, until_s=operator.world.now_s + LONG_S)
    status, world = operator.status, operator.world
    assert (status.state, status.stable_revision) == (end.state, end.stable), status.message
    assert world.ready(end.stable) == operator.rollout.spec.replicas
    _serves(operator)


def _serves(operator: Operator) -> None:
    """Of requests, only those count that came when there was something to serve them."""
    failures = [one for one in operator.world.failures if one[2] is not None]
    early = [one for one in failures if one[0] < FIRST_PODS_S]
    assert failures == early, failures[:3]


@BOTH
def test_an_abort_ends_in_stable_or_is_refused(place, dies):
    row, operator = place
    uid = operator.world.ask(Verb.ABORT)
    if dies:
        _dies_next(operator)
    _ends_as(operator, row.aborted or row.alone)
    answer = next(one for one in operator.world.answers if one.uid == uid)
    assert answer.result == ("Done" if row.aborted else "Refused")


@BOTH
def test_a_deletion_leaves_the_routes_at_home_and_the_pods_serving(place, dies):
    row, operator = place
    operator.delete()
    if dies:
        _dies_next(operator)
    operator.run(operator.world.now_s + LEAVE_S_MAX + SOON_S)
    assert operator.gone
    routes = operator.world.routes
    assert (set(routes.weights), routes.matched) == ({0}, False)
    assert routes.stable == routes.canary == row.left
    if row.left is not None:
        assert operator.world.ready(row.left) == operator.rollout.spec.replicas
        _serves(operator)


@BOTH
def test_a_newer_template_is_what_comes_in_the_end(place, dies):
    _, operator = place
    retarget(operator, "C")
    if dies:
        _dies_next(operator)
    _ends_as(operator, REPLACED)


@BOTH
def test_an_operator_that_restarts_goes_on_as_if_nothing_had_been(place, dies):
    row, operator = place
    before = operator.status
    operator._restart()
    if dies:
        _dies_next(operator)
    assert operator.status == before, "a start alone changes nothing"
    _ends_as(operator, row.alone)


def test_a_pause_outlives_a_restart():
    for name in ("a pause in a phase", "a pause at rest"):
        for way in ways():
            operator = ROWS[name].reach(way)
            weights = operator.world.routes
            operator._restart()
            operator.run(operator.world.now_s + PAUSE_S)
            assert operator.status.state is State.PAUSED
            assert operator.world.routes == weights


def test_every_state_and_every_stage_has_a_row():
    states = {row.state for row in ROWS.values()}
    assert states | NOT_YET == set(State)
    assert not states & NOT_YET
    assert {row.stage for row in ROWS.values()} == {None, *Stage}


def test_no_code_gives_a_state_that_has_no_row_yet():
    files = Path(tidegate.__file__).parent.rglob("*.py")
    given = {name for path in files for name in re.findall(GIVEN, path.read_text())}
    assert {State[name] for name in given} == set(State) - NOT_YET
