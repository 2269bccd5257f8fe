"""Name and card options of a reference potential, which all parts of a campaign that use one share."""

from typing import Any, ClassVar

from pydantic import ConfigDict

from mlipbench_hpc.campaign.spec.base import Spec
from mlipbench_hpc.potentials.card import Use, cards

TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string", "list": "array"}


def _describe(schema: dict[str, Any], spec: type["UsesPotential"]) -> None:
    """Add to a JSON Schema what the cards of this installation offer: names and options."""
    properties, required = schema["properties"], schema.get("required", [])
    names: list[str | None] = [*sorted(cards())]
    properties["potential"]["enum"] = names if "potential" in required else [*names, None]
    schema["additionalProperties"] = False
    for name, card in cards().items():
        for option, setting in card.settings(spec.use).items():
            limits = {"enum": setting.choices, "minimum": setting.minimum, "maximum": setting.maximum}
            properties[option] = {
                "type": TYPES[setting.type],
                "default": setting.default,
                "description": f"{name}: {setting.help}",
                **{word: limit for word, limit in limits.items() if limit is not None},
            }


class UsesPotential(Spec):
    """Keys that are not the schema's own are options of the potential's card: see campaign/potentials.py."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_describe)
    use: ClassVar[Use]

    @property
    def options(self) -> dict[str, Any]:
        """The options that are given; those left out have the card's default."""
        return dict(self.model_extra or {})
