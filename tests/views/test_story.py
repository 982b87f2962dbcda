import copy
from datetime import timedelta

import pytest

from tests.views.bodies import AT_REST, IN_PHASE, NOW, REVERTED, RUN, ago, body
from tidegate.api.status import RolloutStatus
from tidegate.views.amounts import age, bar, count_text, span_text, value_text
from tidegate.views.outcome import Outcome, outcome
from tidegate.views.picture import picture, plain
from tidegate.views.story import Mark, one_line, story

PICTURE = """\
shop/web  Progressing
phase half: holding 50 % until 12:00:42 UTC

traffic     stable 7d4f9c ██████████░░░░░░░░░░ canary 50 % a91c02
pods        4/4 ready
run         3: 7d4f9c → a91c02, phase for 1m12s
phases      ✓ canary-10   10 %
            ▶ half        50 %  hold 1m, 42s left
            · all        100 %  hold 15s
            at least 57s to go
checks      ✓ guard error-rate  0.0012          <= 0.05  pass       8,400 samples      1s ago
            … gate error-rate   0.0012          <= 0.01  undecided  40 of 100 samples  1s ago
            ✓ gate latency      0.2134 seconds  <= 0.25  pass                          4s ago
last run    2: 7d4f9c → bad001, reverted 1h21m ago after 1m40s: guard error-rate is 0.31
conditions  Ready=Unknown WaitingForHold
history     11:58:22 UTC  PhaseStarted  entry 2  (1m38s ago)
            11:58:23 UTC  PhaseStarted  entry 3  (1m37s ago)
            11:58:24 UTC  PhaseStarted  entry 4  (1m36s ago)
            11:58:25 UTC  PhaseStarted  entry 5  (1m35s ago)
            11:58:26 UTC  PhaseStarted  entry 6  (1m34s ago)"""

REST = """\
shop/web  Healthy
revision 7d4f9c serves all traffic

traffic     stable 7d4f9c ████████████████████ canary 0 %
pods        4/4 ready
phases      · canary-10   10 %  hold 30s
            · half        50 %  hold 1m
            · all        100 %  hold 15s"""


def told(status, **spec):
    return story(body(status, **spec), NOW)


def drawn(status, **spec):
    return plain(picture(told(status, **spec), NOW))


def test_the_whole_picture():
    assert drawn(IN_PHASE) == PICTURE


def test_at_rest_there_is_little_to_say():
    assert drawn(AT_REST) == REST


@pytest.mark.parametrize(
    ("changes", "marks"),
    [
        ({"run": None}, [Mark.IDLE] * 3),
        ({"run": RUN | {"stage": "Preparing"}}, [Mark.NEXT] * 3),
        ({}, [Mark.DONE, Mark.CURRENT, Mark.NEXT]),
        ({"run": RUN | {"stage": "Promoting"}, "phase": None}, [Mark.DONE] * 3),
    ],
)
def test_the_timeline_follows_the_run(changes, marks):
    assert [row.mark for row in told(IN_PHASE | changes).phases] == marks


def test_the_phase_is_found_by_its_name_when_the_spec_has_changed():
    moved = IN_PHASE | {"phase": IN_PHASE["phase"] | {"index": 2}}
    assert [row.mark for row in told(moved).phases] == [Mark.DONE, Mark.CURRENT, Mark.NEXT]


def test_a_clock_that_has_not_started_says_so():
    waiting = IN_PHASE | {"phase": {"index": 1, "name": "half", "enteredAt": ago(20)}}
    assert told(waiting).phases[1].note == "hold 1m, its clock has not started"
    assert told(waiting).to_go == "at least 1m15s to go"


def test_a_hold_that_is_over_waits_for_its_gates():
    over = IN_PHASE | {"phase": IN_PHASE["phase"] | {"startedAt": ago(90)}}
    assert told(over).phases[1].note == "hold 1m, over, waiting for its gates"


def test_a_gate_that_must_pass_for_some_time_says_how_far_it_is():
    gate = IN_PHASE["checks"][1] | {"verdict": "pass", "samples": 500, "passingSince": ago(8)}
    row = told(IN_PHASE | {"checks": [gate]}).checks[0]
    assert (row.note, row.samples) == ("passing for 8s of 20s", "500 samples")


def test_the_members_of_a_score_stand_below_it():
    score = IN_PHASE["checks"][0] | {
        "metric": "health",
        "value": 85,
        "bound": ">= 75 of 100",
        "samples": None,
        "about": "77c77b90bbe0cc6a",
        "detail": "below the pass mark of 95; goals 0.2 (must be >= 0.9) fails, weight 15",
    }
    lines = drawn(IN_PHASE | {"checks": [score]}).splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("checks"))
    assert lines[at : at + 3] == [
        "checks      ✓ guard health  85  >= 75 of 100  pass  1s ago",
        "                below the pass mark of 95",
        "                goals 0.2 (must be >= 0.9) fails, weight 15",
    ]


def test_a_check_that_the_spec_no_longer_has_is_still_told():
    strange = [IN_PHASE["checks"][0] | {"id": name} for name in ("guard/9", "gate/x/0", "odd")]
    assert len(told(IN_PHASE | {"checks": strange}).checks) == 3


def test_a_pause_names_who_since_when_and_why():
    pause = {"by": "anna", "reason": "handover", "at": ago(180)}
    assert told(IN_PHASE | {"pause": pause}).pause == "by anna, 3m ago: handover"
    assert told(AT_REST, paused=True).pause == "by spec.paused"


def test_what_mode_observe_overlooked_is_told_of_a_run_that_is_on_and_of_one_that_is_over():
    on = told(IN_PHASE | {"run": RUN | {"overlooked": ["guard/0", "blind"]}})
    assert on.run.endswith(", mode observe overlooked guard/0, blind")
    last = IN_PHASE["lastRun"] | {"outcome": "Promoted"}
    words = "run 3: promoted; mode observe overlooked guard/0"
    assert told(AT_REST | {"lastRun": last | {"message": words}}).last_run.endswith(words)
    assert "run 3" not in told(AT_REST | {"lastRun": last | {"message": "run 3"}}).last_run


def test_an_operator_that_lags_behind_is_told():
    assert "generation 4" in told({"observedGeneration": 3}).unseen
    assert "not looked" in told({"observedGeneration": -1}).unseen
    assert told({}).unseen == ""


def test_a_spec_that_cannot_be_read_leaves_the_status_readable():
    broken = body(REVERTED | {"state": "Invalid"}, phases="none")
    text = plain(picture(story(broken, NOW), NOW))
    assert "shop/web  Invalid" in text
    assert "stable 7d4f9c" in text


def test_a_rollout_without_any_status_can_be_told():
    assert "Initializing" in plain(picture(story({"metadata": {"name": "web"}}, NOW), NOW))


def test_foreign_text_cannot_touch_the_terminal():
    evil = "\x1b[2Jgone\nnext\u202eline"
    check = IN_PHASE["checks"][0] | {"detail": evil}
    status = IN_PHASE | {"message": evil, "checks": [check]}
    text = drawn(status)
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert one_line(RolloutStatus.parse(body(status))).endswith(":  [2Jgone next line")


def test_old_history_has_its_day():
    old = RUN | {"history": [RUN["history"][0] | {"at": ago(200_000)}]}
    assert "2025-12-31 04:26:40 UTC" in drawn(IN_PHASE | {"run": old})


def test_one_line():
    assert one_line(RolloutStatus.parse(body(IN_PHASE))) == (
        "Progressing · phase half · canary 50 % · checks 2/3 · ready 4/4: "
        "phase half: holding 50 % until 12:00:42 UTC"
    )
    assert one_line(RolloutStatus.parse(body(AT_REST))) == (
        "Healthy · ready 4/4: revision 7d4f9c serves all traffic"
    )


@pytest.mark.parametrize(
    ("percent", "text"),
    [(0, "██████████"), (15, "████████▌░"), (50, "█████░░░░░"), (100, "░░░░░░░░░░"),
     (1, "█████████░"), (99, "▏░░░░░░░░░")],
)  # fmt: skip
def test_the_bar_shows_every_share_that_is_not_nothing(percent, text):
    assert bar(percent, 10) == text


def test_every_bar_is_as_wide_as_any_other():
    assert {len(bar(percent)) for percent in range(101)} == {20}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0s"), (0.4, "0s"), (8.9, "8s"), (250, "4m10s"), (3600, "1h"), (11_130, "3h5m"),
     (86_400, "1d"), (190_000, "2d4h")],
)  # fmt: skip
def test_lengths_of_time_have_two_units_at_most(seconds, text):
    assert span_text(seconds) == text


def test_amounts():
    assert age(NOW + timedelta(seconds=5), NOW) == "0s ago"
    assert value_text(None, "seconds") == "-"
    assert value_text(1234.5678) == "1235"
    assert value_text(0.25, "seconds") == "0.25 seconds"
    assert (count_text(None), count_text(1), count_text(1500)) == ("", "1 sample", "1,500 samples")


READY = {"type": "Ready", "status": "True", "reason": "Healthy", "lastTransitionTime": ago(1)}
STALLED = READY | {"type": "Stalled", "reason": "ProgressDeadlineExceeded"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (AT_REST, Outcome.HEALTHY),
        (AT_REST | {"conditions": [READY]}, Outcome.HEALTHY),
        (AT_REST | {"conditions": [READY | {"status": "False"}]}, Outcome.PENDING),
        (AT_REST | {"observedGeneration": 3}, Outcome.PENDING),
        (REVERTED, Outcome.FAILED),
        (REVERTED | {"observedGeneration": 3}, Outcome.PENDING),
        (REVERTED | {"state": "Invalid"}, Outcome.FAILED),
        (REVERTED | {"state": "Reverting"}, Outcome.PENDING),
        ({"state": "Initializing", "conditions": [STALLED]}, Outcome.FAILED),
        (IN_PHASE, Outcome.PENDING),
        (IN_PHASE | {"state": "Paused"}, Outcome.PENDING),
    ],
)
def test_an_outcome_speaks_of_the_spec_as_it_is_now(status, expected):
    assert outcome(body(status)) is expected


def test_a_bake_shows_how_long_it_lasts():
    run = RUN | {"stage": "Baking", "bakingSince": ago(600)}
    shown = drawn({"state": "Baking", "run": run}, bake={"duration": "1h"})
    assert "run         3: 7d4f9c → a91c02, baking for 1m12s" in shown
    assert "at least 50m to bake" in shown


def test_a_way_back_says_why():
    run = RUN | {"stage": "Promoting", "undo": "undone by ann: slow"}
    shown = drawn({"state": "Reverting", "run": run})
    assert "run         3: 7d4f9c → a91c02, going back for 1m12s: undone by ann: slow" in shown


def test_who_goes_to_the_canary_by_headers_is_said_beside_the_weight():
    status = copy.deepcopy(IN_PHASE)
    status["traffic"]["match"] = "x-group=beta"
    assert "canary 50 % a91c02  (and all requests with x-group=beta)" in drawn(status)


@pytest.mark.parametrize(
    ("where", "drift", "words"),
    [
        ("TakingOver", None, "Deployment web is being taken over; it had 4 pods"),
        ("TakenOver", None, "Deployment web, taken over with 4 pods"),
        ("TakenOver", "LeftAlone", "Deployment web, taken over with 4 pods; somebody gave it pods"),
        ("GivenBack", None, "Deployment web is given back with 4 pods"),
    ],
)
def test_a_deployment_that_is_taken_over_is_named_with_its_pods(where, drift, words):
    taken = {"name": "web", "stage": where, "replicas": 4} | ({"drift": drift} if drift else {})
    assert told(AT_REST | {"workload": taken}).workload.startswith(words)
