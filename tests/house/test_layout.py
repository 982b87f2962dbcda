"""Where things are, and what they may be called."""

import re
import tomllib

import yaml

from tests.house.tree import ROOT, files, python_files, short, text

VAGUE_NAMES = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}
HOME = re.compile(r"(?<![\w.~$}-])/(?:home|Users|root)/[\w.-]+")


def test_the_source_root_does_not_shadow_the_standard_library():
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_no_module_has_a_name_that_says_nothing():
    vague = [
        short(path)
        for path in python_files()
        if VAGUE_NAMES & {path.stem, path.parent.name.lower()}
    ]
    assert vague == []


def test_no_file_names_somebodys_home_folder():
    named = [
        f"{short(path)}: {found.group()}"
        for path in files()
        if (content := text(path)) is not None
        for found in HOME.finditer(content)
    ]
    assert named == []


def test_locks_name_no_server_and_no_folder():
    told = [
        f"{short(path)}: {line}"
        for path in sorted((ROOT / "requirements").glob("*.txt"))
        for line in path.read_text().splitlines()
        if re.search(r"://|@ |file:|--(extra-)?index-url|--find-links|^-e", line)
    ]
    assert told == []


def test_every_locked_package_has_a_hash():
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        locked = re.split(r"\n(?=[a-z0-9])", path.read_text())[1:]
        assert locked
        assert [entry.split()[0] for entry in locked if "--hash=sha256:" not in entry] == []


def test_chart_and_package_are_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((ROOT / "charts/tidegate/Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version, version)
