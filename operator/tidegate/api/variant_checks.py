"""What is wrong with the variants of a spec, beyond what its rules say."""

from collections.abc import Iterator

from tidegate.api.patching import directives, patched
from tidegate.api.problems import FieldProblem
from tidegate.api.rollout import RolloutSpec
from tidegate.api.selector import LabelSelector


def variant_problems(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Each variant that could not be told from others or would not be the Rollout's own."""
    known: dict[str, str] = {}
    tried = {one.name for phase in spec.phases for one in phase.variants}
    for index, variant in enumerate(spec.variants):
        path = f"spec.variants[{index}].patch"
        for name in sorted(set(directives(variant.patch))):
            yield FieldProblem(
                path, f"{name} is a directive, which is not read; null takes a field away"
            )
        if spec.template is None:
            continue
        template = patched(spec.template, variant.patch)
        twin = "the template" if template == spec.template else known.get(repr(template))
        if twin is not None and variant.name in tried:
            yield FieldProblem(path, f"makes the same pods as {twin}; change something else")
        known[repr(template)] = f"variant {variant.name}"
        if not _selected(spec.selector, template):
            yield FieldProblem(
                path, "takes labels away that spec.selector asks for, so no pod would be found"
            )


def unknown_variants(spec: RolloutSpec) -> Iterator[FieldProblem]:
    """Variants that a phase names and nobody defines, or names twice."""
    defined = [variant.name for variant in spec.variants]
    known = f"defined are {', '.join(defined)}" if defined else "spec.variants is empty"
    for place, phase in enumerate(spec.phases):
        names = [one.name for one in phase.variants]
        for index, name in enumerate(names):
            path = f"spec.phases[{place}].variants[{index}].name"
            if name not in defined:
                yield FieldProblem(path, f"no variant is named {name!r}; {known}")
            elif name in names[:index]:
                yield FieldProblem(path, f"{name!r} is already taken above")


def _selected(selector: LabelSelector, template: dict[str, object]) -> bool:
    meta = template.get("metadata")
    labels = meta.get("labels") if isinstance(meta, dict) else None
    found = labels if isinstance(labels, dict) else {}
    return all(found.get(key) == value for key, value in selector.match_labels.items())
