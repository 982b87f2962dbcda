"""Write the CRDs: `python -m tidegate.api.generate [--out DIR]`, or `make generate`."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tidegate.api.constants import GROUP
from tidegate.api.crds import KINDS, crd

HEADER = (
    "# Generated from operator/tidegate/api; do not edit. Change the models and: make generate\n"
)
LINE_CHARS = 100


class _Dumper(yaml.SafeDumper):
    """Writes every node out, for kubectl reads anchors but people do not."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 — the base class's signature
        return True


def files() -> Iterator[tuple[str, str]]:
    """Name and text of each generated file."""
    for kind in KINDS:
        text = yaml.dump(crd(kind), Dumper=_Dumper, sort_keys=False, width=LINE_CHARS)
        yield f"{GROUP}_{kind.plural}.yaml", HEADER + text


def main(arguments: Sequence[str] | None = None) -> None:
    """Write all files into a folder, which is made when missing."""
    parser = argparse.ArgumentParser(prog="python -m tidegate.api.generate", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("crds"), help="folder (default crds)")
    out: Path = parser.parse_args(arguments).out
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files():
        (out / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
