from datetime import UTC, datetime

import pytest

from tests.views.bodies import NOW, body, rollout
from tidegate.api.meta import Meta
from tidegate.core import reasons
from tidegate.core.decision import Note
from tidegate.views.events import clip_bytes, event, generate_name

NOTE = Note(reasons.REVERTED, "run 3: revision a sent back to b", warning=True)


def test_a_note_becomes_an_event():
    assert event(NOTE, rollout(), instance="tidegate-0", now=NOW) == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"namespace": "shop", "generateName": "web-"},
        "regarding": {
            "apiVersion": "tidegate.io/v1alpha1",
            "kind": "Rollout",
            "name": "web",
            "namespace": "shop",
            "uid": "uid-1",
            "resourceVersion": "100",
        },
        "reason": "Reverted",
        "note": "run 3: revision a sent back to b",
        "type": "Warning",
        "action": "SendBack",
        "eventTime": "2026-01-02T12:00:00.000000Z",
        "reportingController": "tidegate.io/operator",
        "reportingInstance": "tidegate-0",
    }


def test_a_rollout_that_cannot_be_parsed_has_events_too():
    made = event(NOTE, Meta.parse(body()), instance="x", now=NOW)
    assert made == event(NOTE, rollout(), instance="x", now=NOW)


def test_a_note_without_alarm_is_normal():
    made = event(Note(reasons.PHASE_STARTED, "phase half"), rollout(), instance="x", now=NOW)
    assert (made["type"], made["action"]) == ("Normal", "Reconcile")


def test_the_time_has_microseconds():
    at = datetime(2026, 1, 2, 3, 4, 5, 67, tzinfo=UTC)
    made = event(NOTE, rollout(), instance="x", now=at)
    assert made["eventTime"] == "2026-01-02T03:04:05.000067Z"


def test_what_is_too_long_is_cut_in_bytes():
    note = Note(reasons.REVERTED, "ä" * 1024)
    made = event(note, rollout(), instance="i" * 300, now=NOW)
    assert len(made["note"].encode()) <= 1024
    assert made["note"].endswith("ä…")
    assert len(made["reportingInstance"].encode()) <= 128


def test_an_instance_is_always_named():
    assert event(NOTE, rollout(), instance="", now=NOW)["reportingInstance"]


@pytest.mark.parametrize(
    ("name", "words", "made"),
    [
        ("web", (), "web-"),
        ("web", ("abort",), "web-abort-"),
        ("a." * 40, ("abort",), "a." * 22 + "a-abort-"),
        ("n" * 253, ("promote",), "n" * 44 + "-promote-"),
    ],
)
def test_a_generated_name_stays_valid_and_keeps_its_words(name, words, made):
    assert generate_name(name, *words) == made
    assert len(made) <= 58


def test_a_text_that_fits_is_left_alone():
    assert clip_bytes("ä" * 5, 10) == "ä" * 5
