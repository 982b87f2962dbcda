"""Everything that is decided and said, moment by moment, as people would read it.

`gallery.txt` is the expectation: each change of behaviour or of a word shows there, to be read in
review. `TIDEGATE_GALLERY=write pytest tests/core/test_gallery.py` writes it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

from tests.core.gallery_approvals import APPROVALS
from tests.core.gallery_bakes import BAKES
from tests.core.gallery_policies import POLICIES
from tests.core.gallery_rest import RESTS
from tests.core.gallery_runs import RUNS
from tests.core.gallery_scores import SCORES
from tests.core.gallery_text import told
from tests.core.gallery_trials import TRIALS
from tests.core.gallery_workloads import WORKLOADS

GALLERY = Path(__file__).with_name("gallery.txt")
MOMENTS = {f"{name} (run)": case for name, case in RUNS.items()} | RESTS | BAKES | WORKLOADS
MOMENTS |= TRIALS | SCORES | POLICIES
MOMENTS |= {f"{name} (approvals)": case for name, case in APPROVALS.items()}


def test_every_moment_is_decided_and_told_as_the_gallery_shows():
    if os.environ.get("TIDEGATE_GALLERY") == "write":
        GALLERY.write_text("\n".join(told(name, case) for name, case in MOMENTS.items()))
    shown = [f"## {block.rstrip()}\n" for block in GALLERY.read_text().split("## ")[1:]]
    assert [block.partition("\n")[0][3:] for block in shown] == list(MOMENTS)
    for block, (name, case) in zip(shown, MOMENTS.items(), strict=True):
        assert told(name, case) == block
