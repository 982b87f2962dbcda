"""ConfigMaps and Secrets whose content makes a revision, beside the pod template."""

from typing import ClassVar

from pydantic import Field

from tidegate.api import limits
from tidegate.api.base import SET, ApiModel, Rule
from tidegate.api.scalars import ObjectName


class ContentOf(ApiModel):
    """Objects of the namespace; when what one of them holds is changed, a release starts."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            cel="has(self.configMaps) && size(self.configMaps) > 0 || "
            "has(self.secrets) && size(self.secrets) > 0",
            message="name at least one ConfigMap or Secret, or leave contentOf out",
            holds=lambda content: bool(content.config_maps or content.secrets),
        ),
    )

    config_maps: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_CONTENTS,
        description="Names of ConfigMaps.",
        json_schema_extra=SET,
    )
    secrets: tuple[ObjectName, ...] = Field(
        (),
        max_length=limits.MAX_CONTENTS,
        description="Names of Secrets; the administrator has to let the operator read Secrets.",
        json_schema_extra=SET,
    )
