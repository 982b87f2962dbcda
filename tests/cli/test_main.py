import subprocess
import sys
import types
from pathlib import Path

import pytest

from tidegate import __version__
from tidegate.cli import main, serving
from tidegate.controller.leading import Election


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """The operator's start, kept instead of done."""
    calls: list[dict[str, object]] = []
    fake = types.ModuleType("tidegate.controller.main")
    fake.run = lambda **options: calls.append(options)
    monkeypatch.setitem(sys.modules, "tidegate.controller.main", fake)
    return calls


def test_version(run):
    assert run("version").stdout == f"tidegate {__version__}\n"


def test_the_operator_starts_with_defaults(run, started, monkeypatch, tmp_path):
    monkeypatch.setattr(serving, "DEFAULT_CONFIG", tmp_path / "none.yaml")
    assert run("operator", "--no-lease").exit_code == 0
    assert started == [
        {
            "config_path": None,
            "namespaces": (),
            "election": None,
            "health_port": 8080,
            "log_json": False,
            "verbose": False,
        }
    ]


def test_the_operator_takes_the_config_at_its_usual_place(run, started, monkeypatch, tmp_path):
    usual = tmp_path / "config.yaml"
    usual.touch()
    monkeypatch.setattr(serving, "DEFAULT_CONFIG", usual)
    run("operator", "--no-lease")
    assert started[0]["config_path"] == usual


def test_the_operator_takes_its_options(run, started, tmp_path: Path):
    config = tmp_path / "own.yaml"
    config.touch()
    words = [
        "-n",
        "shop",
        "--namespace",
        "pay",
        "--lease-namespace",
        "ops",
        "--lease-name",
        "own",
        "--identity",
        "me",
        "--health-port",
        "9000",
        "--log-format",
        "json",
        "--verbose",
    ]
    assert run("operator", "--config", str(config), *words).exit_code == 0
    assert started[0] == {
        "config_path": config,
        "namespaces": ("shop", "pay"),
        "election": Election("ops", "own", "me"),
        "health_port": 9000,
        "log_json": True,
        "verbose": True,
    }


def test_in_a_pod_the_lease_is_found_by_itself(run, started, monkeypatch):
    monkeypatch.setenv("POD_NAME", "tidegate-0")
    monkeypatch.setenv("POD_NAMESPACE", "ops")
    assert run("operator").exit_code == 0
    assert started[0]["election"] == Election("ops", "tidegate", "tidegate-0")


def test_outside_a_pod_it_says_how_to_go_on(run, started, monkeypatch, tmp_path):
    monkeypatch.setattr(serving, "POD_NAMESPACE_FILE", tmp_path / "none")
    monkeypatch.delenv("POD_NAMESPACE", raising=False)
    done = run("operator")
    assert (done.exit_code, started) == (2, [])
    assert "--lease-namespace NAME" in done.stderr


def test_a_config_that_is_not_there_is_told(run, started, tmp_path: Path):
    done = run("operator", "--config", str(tmp_path / "nope"))
    assert (done.exit_code, started) == (2, [])
    assert "is not a file" in done.stderr


def test_a_config_that_cannot_be_used_is_told(run, tmp_path: Path):
    config = tmp_path / "config.yaml"
    config.write_text("[")
    done = run("operator", "--no-lease", "--config", str(config))
    assert done.exit_code == 2
    assert "the operator cannot start" in done.stderr


def test_python_m_tidegate():
    done = subprocess.run(
        [sys.executable, "-m", "tidegate", "version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"tidegate {__version__}\n"


def test_light_commands_load_no_heavy_library():
    program = (
        "import sys, tidegate.cli.main; "
        "print([name for name in ('kubernetes', 'kopf', 'rich', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("called_as", "shown"), [("tidegate", "tidegate"), ("kubectl-tidegate", "kubectl tidegate")]
)
def test_the_plugin_calls_itself_as_it_was_called(monkeypatch, capsys, called_as, shown):
    monkeypatch.setattr(sys, "argv", [f"/usr/bin/{called_as}", "--help"])
    with pytest.raises(SystemExit):
        main.main()
    assert f"Usage: {shown} [OPTIONS]" in capsys.readouterr().out
