"""Parsing is total: any bytes with any status are a result or a failure, never an exception."""

from __future__ import annotations

import json
import math

from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.prometheus.asking import NOON
from tests.adapters.prometheus.scripted import vector
from tidegate.adapters.prometheus.answers import Failure, Vector, one_line, parse

STATUSES = st.sampled_from([200, 204, 302, 400, 422, 500, 503])
LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
NAMES = st.sampled_from(
    ["status", "data", "resultType", "result", "metric", "value", "warnings", "error", "errorType"]
)
WORDS = st.sampled_from(["success", "error", "vector", "scalar", "matrix", "1", "NaN"])
TREES = st.recursive(
    LEAVES | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=20,
)


@given(STATUSES, st.binary(max_size=200))
def test_any_bytes(status, body):
    assert isinstance(parse(status, body, NOON), Failure)


@given(STATUSES, TREES)
def test_any_json(status, tree):
    assert isinstance(parse(status, json.dumps(tree).encode(), NOON), Vector | Failure)


@given(TREES, TREES)
def test_any_data(kind, result):
    answer = {"status": "success", "data": {"resultType": "vector", "result": [result]}}
    assert isinstance(parse(200, json.dumps(answer).encode(), NOON), Vector | Failure)
    answer = {"status": "success", "data": {"resultType": kind, "result": result}}
    assert isinstance(parse(200, json.dumps(answer).encode(), NOON), Vector | Failure)


@given(st.floats(allow_nan=False, allow_infinity=False), st.dictionaries(st.text(), st.text()))
def test_a_number_comes_through_whole(number, labels):
    result = parse(200, vector((labels, number)).encode(), NOON)
    assert isinstance(result, Vector)
    (sample,) = result.samples
    assert (sample.value, dict(sample.labels)) == (number, labels)
    assert math.isfinite(sample.value)


@given(st.text())
def test_foreign_words_are_fit_to_show(words):
    shown = one_line(words)
    assert shown.isprintable()
    assert len(shown) <= 300
