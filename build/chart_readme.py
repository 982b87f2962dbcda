"""Writes the table of values in the chart's README from the comments in values.yaml.

A comment `# -- …` describes the value on the next line. `make generate` runs this.
"""

import re
from collections.abc import Iterator
from pathlib import Path

CHART = Path(__file__).resolve().parents[1] / "charts" / "tidegate"
BEGIN = "<!-- values: written by make generate -->\n"
END = "<!-- end of values -->\n"

COMMENT = re.compile(r"^ *# -- (?P<text>.+)$")
VALUE = re.compile(r"^(?P<indent> *)(?P<key>[A-Za-z]+):\s*(?P<default>.*)$")


def rows(values: str) -> Iterator[str]:
    """One line of the table for each value that has a comment."""
    path: list[str] = []
    text = ""
    for line in values.splitlines():
        if comment := COMMENT.match(line):
            text = comment["text"]
        elif value := VALUE.match(line):
            path = [*path[: len(value["indent"]) // 2], value["key"]]
            if text:
                yield f"| `{'.'.join(path)}` | `{value['default']}` | {text} |\n"
            text = ""


def main() -> None:
    """Rewrite the README between the two marks."""
    readme = CHART / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    table = "".join(rows((CHART / "values.yaml").read_text(encoding="utf-8")))
    head = "| value | default | meaning |\n| --- | --- | --- |\n"
    readme.write_text(before + BEGIN + head + table + END + after, encoding="utf-8")


if __name__ == "__main__":
    main()
