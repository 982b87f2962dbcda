"""Every field of a Rollout, changed in every way: refused, said to be wrong, or carried out.

And mutated back, everything is as it was (Acto, SOSP'23, found 56 serious bugs in 11 operators
this way). The table comes from the generated CRD, so a new field is swept from its first day.
"""

from __future__ import annotations

import pytest

from demo.manifests import Shop
from demo.stage import Stage
from tests.cluster.direct import administrator
from tests.cluster.leaf_schema import leaves
from tests.cluster.leaf_sweep import Sweep, closed, plain_rollout
from tests.cluster.leaf_table import BEARERS, DRY, VALUES, around, mutations
from tests.faults.budget import SEED, chosen

SLICE = 60
"""Mutations of one run inside `make test`: a rotating part, which takes some 30 s."""
LANES = 6
"""Shops at rest, and as many mid-run."""
WAYS_MIN = 5

PLAIN = plain_rollout(Shop(), "v1")["spec"]


def test_every_leaf_is_mutated_in_five_ways_or_more():
    ways: dict[str, set[str]] = {}
    for mutation in mutations(PLAIN):
        ways.setdefault(mutation.leaf, set()).add(mutation.way)
    assert ways.keys() == {leaf.path for leaf in leaves()}
    assert {leaf: found for leaf, found in ways.items() if len(found) < WAYS_MIN} == {}


def test_exceptions_of_the_table_are_about_leaves_that_exist():
    paths = {leaf.path for leaf in leaves()}
    assert set(VALUES) <= paths
    assert {path for path, _ in DRY} <= paths
    borne = {id(around(path)) for path in paths if around(path)}
    assert borne == {id(edits) for edits in BEARERS.values()}


@pytest.mark.api
def test_a_mutated_leaf_is_refused_said_or_carried_out_and_can_be_taken_back(stage: Stage):
    everything = [(where, m) for m in mutations(PLAIN) for where in (False, True)]
    picked = chosen(everything, SLICE, "leaves")
    print(f"TIDEGATE_SEED={SEED}: {len(picked)} of {len(everything)} mutations")
    sweep = Sweep(administrator(stage.cluster))
    try:
        sweep.run(picked, LANES, "leaf")
    finally:
        closed(sweep.api, "leaf")
    print(sweep.counts, *sweep.failures, sep="\n")
    assert sweep.failures == []
