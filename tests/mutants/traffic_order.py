"""Seeded bugs in the order of traffic and pods: the heap that peers keep mending."""

from tests.mutants.mutant import Mutant

ORDER = "tests/core/test_order.py::"
HANDOVER = "tests/core/test_handover.py::"
DRAINING = "tests/core/test_draining.py::"
CAPACITY = "tests/core/test_capacity.py::"
ANSWERING = "tests/core/test_answering.py::"
REVERTS = "tests/core/test_reverts.py::"
SHIFTING = "tests/core/test_shifting.py::"
ISTIO = "tests/adapters/test_istio.py::"
SHARING_OUT = "tests/adapters/test_sharing_out.py::"

MUTANTS = (
    Mutant(
        "the canary is re-pointed while routes still send to it",
        "argo-rollouts #4564",
        "core/steering.py",
        "    if not routes.idle_canary and not scene.switches:\n"
        "        return weight_to(scene, 0)\n",
        "",
        (ORDER + "test_a_destination_with_weight_is_emptied_before_it_is_re_pointed",),
    ),
    Mutant(
        "the canary is re-pointed at pods that are not ready",
        "argo-rollouts #4775",
        "core/steering.py",
        "    if scene.canary is None or scene.canary.ready == 0:\n"
        "        return canary_ready(scene)\n",
        "",
        (HANDOVER + "test_no_destination_is_pointed_at_a_revision_without_ready_pods",),
    ),
    Mutant(
        "the canary is re-pointed while its old revision still gets requests",
        "argo-rollouts #4390",
        "core/steering.py",
        '    if gone.free:\n        return Step(scene.status, PointDestination("canary"',
        '    if gone.free or True:\n        return Step(scene.status, PointDestination("canary"',
        (ORDER + "test_the_canary_destination_is_re_pointed_only_when_its_old_revision_is_idle",),
    ),
    Mutant(
        "the weight rises though the re-point had to wait",
        "argo-rollouts #4612",
        "core/running.py",
        "        or canary_pointed(scene)\n        or shifting.back(scene, phase.weight)\n",
        "        or shifting.back(scene, phase.weight)\n",
        (HANDOVER + "test_no_weight_rises_while_the_canary_destination_selects_another_revision",),
    ),
    Mutant(
        "the first traffic comes before proxies know any pod of the new revision",
        "reliability-and-security F64",
        "core/steering.py",
        "        if scene.now < scene.canary_known_at and first:\n"
        "            return not_known_yet(scene)\n",
        "",
        (ORDER + "test_the_first_traffic_waits_until_proxies_know_the_first_ready_pods",),
    ),
    Mutant(
        "stable shrinks before its traffic has left",
        "argo-rollouts #4347",
        "core/shifting.py",
        "    if obstacle_to_raise(scene) or not _fits(scene, fewer, since):\n",
        "    if obstacle_to_raise(scene):\n",
        (SHIFTING + "test_it_keeps_pods_for_what_is_counted_at_it_whatever_the_routes_say",),
    ),
    Mutant(
        "traffic comes back before the pods of stable",
        "argo-rollouts #4898",
        "core/running.py",
        "        or shifting.back(scene, phase.weight)\n",
        "",
        (SHIFTING + "test_traffic_comes_back_only_to_ready_pods_of_stable",),
    ),
    Mutant(
        "the weight rises once one pod is ready",
        "argo-rollouts #3941",
        "core/steering.py",
        "    if ready >= scene.canary_pods:\n",
        "    if ready >= min(1, scene.canary_pods):\n",
        (HANDOVER + "test_no_weight_rises_before_as_many_pods_are_ready_as_it_needs",),
    ),
    Mutant(
        "a canary whose pods all died keeps its traffic",
        "argo-rollouts #4750",
        "core/steering.py",
        "    if not scene.full or (scene.canary is not None and scene.canary.ready > 0):\n"
        "        return None\n",
        "    return None\n",
        (ORDER + "test_a_canary_without_ready_pods_loses_its_traffic",),
    ),
    Mutant(
        "the first deployment is routed to before its pods are ready",
        "argo-rollouts #2507",
        "core/initial.py",
        "    if view.ready >= scene.full:\n",
        "    if view.ready >= 0:\n",
        (ORDER + "test_the_first_deployment_makes_pods_then_points_then_routes",),
    ),
    Mutant(
        "old pods go while the routes are still on their way home",
        "argo-rollouts #4534",
        "core/draining.py",
        "    if scene.run is None and any(not r.home for r in routes.weights):\n",
        "    if False:\n",
        (DRAINING + "test_nothing_is_drained_before_the_weights_are_home",),
    ),
    Mutant(
        "pods go that a destination still selects",
        "argo-rollouts #4390",
        "core/draining.py",
        "            routes.stable if routes else None,\n"
        "            routes.canary if routes else None,\n",
        "",
        (HANDOVER + "test_what_a_destination_selects_is_never_drained",),
    ),
    Mutant(
        "old pods go at once, whatever the proxies know",
        "argo-rollouts #3681",
        "core/draining.py",
        "    if scene.now - entry.since < least:\n        return None\n",
        "    return Step(scene.status, scale)\n",
        (DRAINING + "test_old_pods_go_when_seen_idle_within_the_bounds",),
    ),
    Mutant(
        "old pods go after a fixed delay, seen idle or not",
        "argo-rollouts #4347",
        "core/draining.py",
        '    if not let_go(scene, Arm("", view.name), _routed_away(scene, entry)).free:\n'
        "        return None\n",
        "",
        (DRAINING + "test_old_pods_go_when_seen_idle_within_the_bounds",),
    ),
    Mutant(
        "stable is given up unseen at the promotion",
        "argo-rollouts #4347",
        "core/promotion.py",
        "    if gone.free:\n",
        "    if gone.free or scene.now:\n",
        (ORDER + "test_stable_is_re_pointed_when_it_is_seen_idle_or_was_silent_long_enough",),
    ),
    Mutant(
        "weights go home before the proxies know the new stable pods",
        "argo-rollouts #1734",
        "core/resting.py",
        "    if scene.now >= settled:",
        "    if scene.now <= settled:",
        (ORDER + "test_after_the_promotion_weights_wait_for_settle_and_then_go_home",),
    ),
    Mutant(
        "a new run starts while stable is not where it belongs",
        "argo-rollouts #4839",
        "core/resting.py",
        "status.reverted_revision) or not at_rest(scene):",
        "status.reverted_revision):",
        (HANDOVER + "test_no_run_starts_while_the_stable_destination_selects_other_pods",),
    ),
    Mutant(
        "all traffic goes to a stable that cannot carry it",
        "argo-rollouts #3372",
        "core/capacity.py",
        "    return min(weight, PERCENT - carried)",
        "    return 0 * carried",
        (
            CAPACITY + "test_what_stays_on_the_canary_is_what_stable_cannot_carry",
            ANSWERING + "test_an_abort_moves_only_what_the_ready_stable_pods_can_carry",
        ),
    ),
    Mutant(
        "an abort is bounded by the size of the canary and never ends",
        "argo-rollouts #4900",
        "core/capacity.py",
        "    return min(weight, PERCENT - carried)",
        "    return min(weight, max(PERCENT - carried, PERCENT * canary_ready // full))",
        (
            CAPACITY + "test_what_stays_on_the_canary_is_what_stable_cannot_carry",
            ANSWERING + "test_an_abort_sends_the_traffic_back_with_the_same_step",
        ),
    ),
    Mutant(
        "an abort raises the weight when stable flaps",
        "argo-rollouts #1794",
        "core/capacity.py",
        "    return min(weight, PERCENT - carried)",
        "    return PERCENT - carried",
        (CAPACITY + "test_what_stays_on_the_canary_is_what_stable_cannot_carry",),
    ),
    Mutant(
        "the canary destination goes home to a stable without ready pods",
        "flagger #1931",
        "core/resting.py",
        "    if not nobody_there and (scene.stable is None or scene.stable.ready == 0):\n",
        "    if False:\n",
        (HANDOVER + "test_no_destination_is_pointed_at_a_revision_without_ready_pods",),
    ),
    Mutant(
        "an autoscaler shrinks stable in the middle of a run",
        "argo-rollouts #1415",
        "core/scene.py",
        "return max(self.spec.replicas, self.run.min_replicas, self._replaced)",
        "return self.spec.replicas",
        (ORDER + "test_the_size_in_a_run_is_at_least_what_it_was_at_the_start",),
    ),
    Mutant(
        "weights that somebody else set are left as they are",
        "argo-rollouts #849",
        "core/resting.py",
        "    if routes is None or all(route.home for route in routes.weights):\n",
        "    if routes is None or routes.canary == routes.stable:\n",
        (REVERTS + "test_routes_that_do_not_agree_are_put_right_at_rest",),
    ),
    Mutant(
        "the two weights of a route no longer sum to 100",
        "argo-rollouts #4424",
        "adapters/weights.py",
        "[(route.stable, left), (route.canary, canary), *parts]",
        "[(route.stable, route.whole), (route.canary, canary), *parts]",
        (
            ISTIO + "test_a_weight_patch_changes_our_weights_and_nothing_else",
            SHARING_OUT + "test_a_shared_route_sums_to_a_hundred_and_others_keep_theirs",
        ),
    ),
    Mutant(
        "a swap of weights is two writes",
        "argo-rollouts #1734",
        "adapters/weights.py",
        "[(route.stable, left), (route.canary, canary), *parts]",
        "[(route.canary, canary), *parts]",
        (ISTIO + "test_a_weight_patch_changes_our_weights_and_nothing_else",),
    ),
    Mutant(
        "a weight is written together with the rest of its route",
        "argo-rollouts #2266",
        "adapters/weights.py",
        'patch.append({"op": "add", "path": f"{path}/weight", "value": weight})',
        'patch.append({"op": "add", "path": path,'
        ' "value": {"destination": value, "weight": weight}})',
        (ISTIO + "test_a_weight_patch_changes_our_weights_and_nothing_else",),
    ),
    Mutant(
        "a third destination's weight is taken from it",
        "argo-rollouts #4831",
        "adapters/weights.py",
        "    canary = canary_part(route.whole, share)\n    wanted",
        "    canary = canary_part(ALL, share)\n    wanted",
        (SHARING_OUT + "test_a_shared_route_sums_to_a_hundred_and_others_keep_theirs",),
    ),
    Mutant(
        "routes of one VirtualService may disagree unseen",
        "argo-rollouts #1734",
        "adapters/weights.py",
        "even = all(r.even and canary_part(r.whole, weight) == r.canary.weight for r in routes)",
        "even = bool(routes)",
        (ISTIO + "test_the_highest_share_counts_and_disagreement_is_seen",),
    ),
)
