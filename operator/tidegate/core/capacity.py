"""How many pods a share of traffic needs, and how much traffic a number of pods can take."""

from __future__ import annotations

from tidegate.api.phases import Phase

PERCENT = 100
REVERT_HEADROOM = 2
"""A revision that has half of its pods ready may take all traffic back from a bad canary.

Ordinary restarts leave a pod or two missing; keeping a bad release on for those would do more
harm than the headroom that services are sized with. Below half, traffic follows the ready pods.
"""


def pods_for_weight(weight: int, full: int) -> int:
    """Pods needed for `weight` percent of the traffic when `full` pods carry all: at least 1."""
    if full == 0:
        return 0
    return max(1, -(-weight * full // PERCENT))


def stable_pods(weight: int, full: int, headroom_percent: int) -> int:
    """Pods stable needs while the canary has `weight` percent of the traffic, with headroom.

    At least 1 and never more than `full`, the pods that carry all.
    """
    if full == 0:
        return 0
    share = (PERCENT - weight) * (PERCENT + headroom_percent)
    return min(full, max(1, -(-share * full // PERCENT**2)))


def phase_pods(phase: Phase, full: int) -> int:
    """Pods of the canary in a phase: what `replicas` says, else enough for the weight.

    How many requests a header route brings is not known: for those there is 1 at least. Copies are
    as much work as requests that are answered.
    """
    wanted, copies = phase.replicas, phase.mirror.percent if phase.mirror else 0
    if wanted is None:
        return pods_for_weight(max(phase.weight, copies), full)
    if isinstance(wanted, int):
        return max(wanted, 1) if (phase.match or copies) and full else wanted
    return pods_for_weight(int(wanted.rstrip("%")), full)


def weight_left_on_canary(weight: int, *, stable_ready: int, canary_ready: int, full: int) -> int:
    """The share (percent) that must stay on the canary while the rest goes back to stable.

    0 when stable can carry everything, when the canary has no ready pod, or when neither has;
    never more than `weight`.
    """
    if canary_ready == 0 or full == 0:
        return 0
    carried = min(PERCENT, PERCENT * stable_ready * REVERT_HEADROOM // full)
    return min(weight, PERCENT - carried)
