"""Seeded bugs in header routes: what they take, when they come, and whether they go."""

from tests.mutants.mutant import Mutant

CORE = "tests/core/test_header_routes.py::"
ISTIO = "tests/adapters/test_header_routes.py::"
GATEWAY = "tests/adapters/test_header_rules.py::"
WRITTEN = "tests/adapters/kubernetes/test_header_routes_written.py::"

MUTANTS = (
    Mutant(
        "a revert leaves the header routes behind",
        "argo-rollouts #4716",
        "core/revert.py",
        "    if not weight_to_leave(scene, capacity.PERCENT):\n        return ()\n",
        "",
        (CORE + "test_an_abort_takes_weight_and_header_routes_in_one_write",),
    ),
    Mutant(
        "header routes that vanished are not put back",
        "argo-rollouts #4486",
        "core/steering.py",
        "            or not r.even\n            or not r.carries(match)\n",
        "            or not r.even\n",
        (CORE + "test_header_routes_that_somebody_took_away_end_the_hold_and_are_put_back",),
    ),
    Mutant(
        "header routes come whatever a weight would wait for",
        "argo-rollouts #4486",
        "core/steering.py",
        "    if below or more or (match and not wrong.carries(match)):\n",
        "    if below or more:\n",
        (CORE + "test_a_guard_that_fails_keeps_header_routes_away",),
    ),
    Mutant(
        "a phase keeps the header routes of another one",
        "argo-rollouts #4486",
        "core/steering.py",
        "        left = _left(route, weight, match)\n",
        "        left = route.match\n",
        (
            CORE
            + "test_header_routes_that_the_phase_does_not_name_go_at_once_whatever_else_is_missing",
        ),
    ),
    Mutant(
        "a destination is re-pointed under its header routes",
        "docs/design.md 3",
        "core/observation.py",
        "self.weight == 0 and not any(to_canary(route.match) for route in self.weights)\n",
        "self.weight == 0\n",
        (CORE + "test_a_destination_with_header_routes_is_emptied_before_it_is_re_pointed",),
    ),
    Mutant(
        "header routes left over at rest stay",
        "argo-rollouts #4716",
        "core/observation.py",
        "return self.weight == 0 and self.even and not self.matched and not self.variants\n",
        "return self.weight == 0 and self.even and not self.variants\n",
        (CORE + "test_header_routes_left_over_at_rest_are_taken_away",),
    ),
    Mutant(
        "a change of header routes begins no new time",
        "docs/design.md 3",
        "core/facts.py",
        "same = there is not None and _said(there) == said",
        "same = there is not None and there.weight == weight",
        (CORE + "test_a_phase_puts_up_its_header_routes_and_then_waits_for_settle",),
    ),
    Mutant(
        "header routes come on what a watch said long ago",
        "argo-rollouts #3080",
        "adapters/kubernetes/freshness.py",
        "if raises(routes, weight, variants) or headers.adds(match):",
        "if raises(routes, weight, variants):",
        (WRITTEN + "test_header_routes_do_not_come_on_grounds_that_moved_unseen",),
    ),
    Mutant(
        "a header route forgets the conditions of the managed route",
        "docs/reference/routes.md",
        "adapters/istio_headers.py",
        'both = {**theirs, "headers": headers} if ours',
        'both = {"headers": headers} if ours',
        (ISTIO + "test_a_header_route_takes_what_the_managed_route_would_get_and_has_the_headers",),
    ),
    Mutant(
        "a header rule wins over somebody else's",
        "docs/reference/routes.md",
        "adapters/gateway_headers.py",
        "        _takes_from_nobody(theirs, len(headers), others)\n",
        "",
        (GATEWAY + "test_no_header_rule_is_made_that_could_win_over_somebody_elses",),
    ),
)
