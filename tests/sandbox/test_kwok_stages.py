import json

from sandbox import kwok


def test_every_stage_has_a_name_of_its_own():
    names = [stage["metadata"]["name"] for stage in kwok._pod_stages()]
    assert len(names) == len(set(names))
    assert {"pod-ready", "pod-never-ready", "pod-crash", "pod-crash-by-annotation"} <= set(names)


def test_no_mark_of_the_template_is_left():
    text = json.dumps(kwok._pod_stages())
    for mark in ("READY", "PHASE", "RESTARTS", "STATE", "CODE", "REASON"):
        assert mark not in text
