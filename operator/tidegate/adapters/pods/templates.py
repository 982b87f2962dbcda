"""The built-in templates over pods: a number for each revision, and the pods that it comes from.

| template | value | measured while |
| --- | --- | --- |
| `kube-restarts` | restarts of containers in the window | the revision has pods |
| `kube-oom-kills` | containers killed for want of memory in the window | the revision has pods |
| `kube-evictions` | pods evicted in the window | the revision has pods |
| `kube-crash-loops` | pods that wait in CrashLoopBackOff now | it has pods that are not over |
| `kube-unready-share` | share (0 to 1) not ready all the window | it has pods that are not over |

`samples` is the number of pods.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tidegate.adapters.pods.facts import Kind
from tidegate.adapters.pods.ledger import Ledger
from tidegate.core.concerned import NAMES_MAX
from tidegate.core.observation import Answer, Concerned, Reading

NO_PODS = "the revision has no pods"
UNSURE = (
    "containers restarted before this operator process looked first, at times that nobody tells; "
    "they are counted once it has watched for a whole window"
)


@dataclass(frozen=True, slots=True)
class Span:
    """A window: what counts happened in it."""

    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class PodTemplate:
    """How a template reads a ledger.

    `early`: it says something before the first request, too. `restarts`: it counts what may have
    no time.
    """

    count: Callable[[Ledger, str, Span], tuple[float, int, Mapping[str, int]] | None]
    early: bool = True
    restarts: bool = False

    def reading(self, ledger: Ledger, revision: str, span: Span) -> Reading:
        """The answer about a revision at the end of the window."""
        if self.restarts and ledger.unsure(revision, span.begins):
            return Reading(span.ends, Answer.NODATA, detail=UNSURE)
        counted = self.count(ledger, revision, span)
        if counted is None:
            return Reading(span.ends, Answer.NODATA, samples=0.0, detail=NO_PODS)
        value, pods, by_pod = counted
        worst = sorted(by_pod, key=lambda name: (-by_pod[name], name))
        concerned = Concerned(len(by_pod), tuple(worst[:NAMES_MAX]), early=self.early)
        return Reading(span.ends, Answer.OK, value, float(pods), concerned=concerned)


def _incidents(kind: Kind) -> PodTemplate:
    def count(
        ledger: Ledger, revision: str, span: Span
    ) -> tuple[float, int, Mapping[str, int]] | None:
        pods = sum(pod.revision == revision for pod in ledger.pods)
        by_pod: Counter[str] = Counter()
        for one in ledger.incidents(revision, span.begins):
            if one.kind is kind:
                by_pod[one.pod] += one.count
        if not pods and not by_pod:
            return None
        return float(by_pod.total()), pods, by_pod

    return PodTemplate(count, restarts=kind is Kind.RESTART)


def _crash_loops(
    ledger: Ledger, revision: str, _span: Span
) -> tuple[float, int, Mapping[str, int]] | None:
    pods = [pod for pod in ledger.pods if pod.revision == revision and pod.active]
    looping = {pod.name: sum(n for _, n in pod.restarts) for pod in pods if pod.looping}
    return (float(len(looping)), len(pods), looping) if pods else None


def _unready_share(
    ledger: Ledger, revision: str, span: Span
) -> tuple[float, int, Mapping[str, int]] | None:
    pods = [pod for pod in ledger.pods if pod.revision == revision and pod.active]
    unready = {
        pod.name: 1
        for pod in pods
        if pod.unready_since is not None and pod.unready_since <= span.begins
    }
    return (len(unready) / len(pods), len(pods), unready) if pods else None


TEMPLATES: Mapping[str, PodTemplate] = {
    "kube-restarts": _incidents(Kind.RESTART),
    "kube-oom-kills": _incidents(Kind.OOM_KILL),
    "kube-evictions": _incidents(Kind.EVICTION),
    "kube-crash-loops": PodTemplate(_crash_loops),
    # A pod that is slow to start is a matter of the progress deadline until it once served.
    "kube-unready-share": PodTemplate(_unready_share, early=False),
}
"""The templates by their names in `spec.metrics[].template`."""
