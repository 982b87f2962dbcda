import pytest

from sandbox.pod_targets import target


def _pod(**changes):
    pod = {
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "labels": {"tidegate.io/revision": "abc"},
            "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "8080"},
        },
        "status": {"phase": "Running", "podIP": "10.0.0.9"},
    }
    for path, value in changes.items():
        part, key = path.split("__")
        pod[part][key] = value
    return pod


def test_an_annotated_running_pod_is_a_target_with_its_revision():
    found = target(_pod())
    assert found["targets"] == ["10.0.0.9:8080"]
    assert found["labels"] == {
        "__metrics_path__": "/metrics",
        "namespace": "shop",
        "pod": "web-1",
        "revision": "abc",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"metadata__annotations": None},
        {"metadata__annotations": {"prometheus.io/scrape": "false"}},
        {"status__phase": "Pending"},
        {"status__podIP": None},
    ],
    ids=["no annotations", "not wanted", "not running", "no address"],
)
def test_other_pods_are_not(changes):
    assert target(_pod(**changes)) is None
