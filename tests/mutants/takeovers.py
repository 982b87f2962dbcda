"""Seeded bugs on the way from a Deployment to a Rollout and back, where peers lose requests."""

from tests.mutants.mutant import Mutant

ADOPTING = "tests/core/test_adopting.py::"
PROPERTIES = "tests/properties/test_takeover.py::"
WORKLOADS = "tests/adapters/kubernetes/test_workloads.py::"

CONTENT = "tests/adapters/kubernetes/test_content.py::"

MUTANTS = (
    Mutant(
        "a Secret that takes its time keeps an abort waiting",
        "by analogy: argo-rollouts #1466",
        "adapters/kubernetes/content.py",
        "        if kept.reading is not None and not all(one in kept.found for one in named):\n",
        "        if kept.reading is not None:\n",
        (CONTENT + "test_a_secret_that_takes_its_time_keeps_no_pass_waiting",),
    ),
    Mutant(
        "a ConfigMap that has vanished releases another version",
        "flagger #1046",
        "adapters/kubernetes/revisions.py",
        "    if content.problems:\n",
        "    if not template:\n",
        (CONTENT + "test_what_is_missing_is_named_and_is_no_other_revision",),
    ),
    Mutant(
        "a label on a ConfigMap starts a release",
        "flagger #417",
        "adapters/kubernetes/content.py",
        "    held = {part: body[part] for part in HELD if body.get(part)}\n",
        "    held = dict(body)\n",
        (CONTENT + "test_a_label_or_a_new_object_with_the_same_content_releases_nothing",),
    ),
    Mutant(
        "an API server that does not answer has changed a ConfigMap",
        "flagger #989",
        "adapters/kubernetes/content.py",
        "return before or _unreadable(resource, key, error)",
        "return _unreadable(resource, key, error)",
        (CONTENT + "test_an_api_server_that_does_not_answer_has_changed_nothing",),
    ),
    Mutant(
        "what a Secret holds can be guessed from a fast digest on pods",
        "by analogy: CWE-916",
        "adapters/kubernetes/content.py",
        '        salt = f"{rollout.uid}/{name}"\n',
        '        salt = ""\n',
        (CONTENT + "test_the_digest_of_a_secret_is_each_rollouts_own",),
    ),
    Mutant(
        "a Deployment loses its pods before ours are ready",
        "argo-rollouts #4065",
        "core/adopting.py",
        "    if ready < scene.full:\n",
        "    if ready < 0:\n",
        (ADOPTING + "test_the_pods_of_a_deployment_wait_for_ours",),
    ),
    Mutant(
        "a Deployment loses its pods while proxies still send to them",
        "argo-rollouts #2507",
        "core/adopting.py",
        "    return Seen.YES if reached >= (1 - SHARE_SLACK) * sent else Seen.NO\n",
        "    return Seen.YES\n",
        (ADOPTING + "test_the_pods_of_a_deployment_go_when_all_requests_reach_ours",),
    ),
    Mutant(
        "a Deployment that a syncer scales up is fought without end",
        "argo-rollouts #4935",
        "core/adopting.py",
        "            return _marked(scene, taken, WorkloadDrift.PUT_BACK)\n",
        "            return _marked(scene, taken, None)\n",
        (
            PROPERTIES
            + "test_a_deployment_that_is_scaled_up_again_is_put_back_once_and_then_left_alone",
        ),
    ),
    Mutant(
        "our pods go while they are still selected beside the Deployment's",
        "flagger #773",
        "core/giving_back.py",
        "    pointed = _destinations(scene, workload.pods_label)\n",
        '    pointed = _destinations(scene, "")\n',
        (PROPERTIES + "test_each_router_takes_over_and_gives_back",),
    ),
    Mutant(
        "a destination is given back to pods that are not ready",
        "flagger #1444",
        "core/giving_back.py",
        "    serves = workload.pods_label and workload.labelled_ready >= taken.replicas\n",
        "    serves = workload.pods_label\n",
        (ADOPTING + "test_the_destinations_leave_ours_only_for_pods_that_are_ready",),
    ),
    Mutant(
        "pods that were just removed are selected once more",
        "argo-rollouts #3681",
        "core/giving_back.py",
        "    until = taken.emptied_at + max(scene.settle, least)\n",
        "    until = taken.emptied_at\n",
        (ADOPTING + "test_the_deployments_pods_are_selected_alone_until_ours_are_gone",),
    ),
    Mutant(
        "an upgraded API server starts a release of every Deployment",
        "argo-rollouts #4696",
        "adapters/kubernetes/workloads.py",
        "if _bare(template_of(known)) == bare}",
        "if template_of(known) == template}",
        (WORKLOADS + "test_fields_that_an_upgraded_api_server_fills_in_make_no_other_revision",),
    ),
)
