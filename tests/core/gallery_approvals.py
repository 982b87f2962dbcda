"""A gallery of moments in which people are waited for."""

from __future__ import annotations

from tests.core.scenes import asked
from tests.core.test_approvals import go, guarded, waiting, word
from tidegate.api.actions import Verb
from tidegate.api.phases import Phase

MOST = Phase(name="most", weight=90)
QA = guarded(required=2, groups=("qa", "release-managers"))
SHORT = guarded(expiry_s=60.0)
APPROVALS = {
    "a phase that needs an approval": waiting(awaiting=""),
    "a phase that waits for the second of two": waiting(half=QA, given=(word(phase=QA),)),
    "an approval that is too old": waiting(half=SHORT, given=(word(phase=SHORT, seconds_ago=90),)),
    "an approval in time": waiting(half=SHORT, given=(word(phase=SHORT),)),
    "approve": waiting(actions=(go(why="looks good"),)),
    "approve by somebody of no such group": waiting(half=QA, actions=(go(groups=("dev",)),)),
    "approve a second time": waiting(half=QA, given=(word(phase=QA),), actions=(go(),)),
    "reject": waiting(actions=(go(verb=Verb.REJECT, why="not on a Friday"),)),
    "promote before an approval": waiting(actions=(asked(Verb.PROMOTE),)),
    "skip past an approval": waiting(more=(MOST,), actions=(asked(Verb.SKIP, phase="most"),)),
}
