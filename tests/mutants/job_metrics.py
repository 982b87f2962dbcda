"""Seeded bugs in metrics that Jobs bring: two Jobs for one tick, values that nobody measured."""

from tests.mutants.mutant import Mutant

JOBS = "tests/adapters/kubernetes/test_job_metrics.py::"
RESULTS = "tests/adapters/kubernetes/test_job_results.py::"
ASKING = "tests/controller/test_asking.py::"
PAGE = "docs/reference/job-metrics.md"

MUTANTS = (
    Mutant(
        "a process that starts anew makes a second Job for the tick",
        PAGE,
        "adapters/kubernetes/job_metrics.py",
        "        except Conflict:  # made",
        "        except ZeroDivisionError:  # made",
        (JOBS + "test_a_process_that_starts_anew_finds_the_job_of_the_tick_and_makes_no_second",),
    ),
    Mutant(
        "the name of a Job does not say which run it is of",
        PAGE,
        "adapters/kubernetes/job_metrics.py",
        "(one.uid, one.run, one.revision, one.metric,",
        "(one.uid, one.revision, one.metric,",
        (JOBS + "test_another_run_revision_or_metric_has_a_job_of_its_own",),
    ),
    Mutant(
        "the result of a Job that failed is a value",
        PAGE,
        "adapters/kubernetes/job_metrics.py",
        "        if view.sight is not HookSight.SUCCEEDED:\n",
        "        if view.sight is HookSight.RUNNING:\n",
        (JOBS + "test_anything_else_is_an_error_and_no_value",),
    ),
    Mutant(
        "somebody else's Job of the same name is a result",
        PAGE,
        "adapters/kubernetes/job_metrics.py",
        "            if not owned_by(found, run.rollout.uid):\n",
        "            if found is None:\n",
        (JOBS + "test_a_namesake_of_somebody_else_is_no_result",),
    ),
    Mutant(
        "true is one",
        PAGE,
        "adapters/kubernetes/job_results.py",
        "    if isinstance(value, bool) or not isinstance(value, int | float):\n",
        "    if not isinstance(value, int | float):\n",
        (RESULTS + "test_what_is_not_exactly_a_result_is_none",),
    ),
    Mutant(
        "of two values in one result the last is believed",
        PAGE,
        "adapters/kubernetes/job_results.py",
        "object_pairs_hook=_object",
        "object_pairs_hook=dict",
        (RESULTS + "test_what_is_not_exactly_a_result_is_none",),
    ),
    Mutant(
        "Jobs that run for long leave no room for other questions",
        PAGE,
        "controller/asking.py",
        "                self._start([asked], self._jobs)\n",
        "                self._start([asked], self._batches)\n",
        (ASKING + "test_questions_to_jobs_take_no_room_from_others",),
    ),
)
