"""Facts about a model that its run does not record."""

import dataclasses
import math
import re

from cafct_keras.errors import UserError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What the author of a model states about it, for its card.

    Attributes:
        name: of the model; None for that of the run folder.
        license: of the weights, by the hub's identifier, such as `"cc-by-sa-4.0"`.
        data_name: of the training data.
        data_license: of the training data.
        data_url: where the training data come from.
        power: mean power while training, in watts.
        carbon_intensity: of this power, in grams of CO2-equivalent per kWh.

    Raises:
        UserError: a value is out of range.
    """

    name: str | None = None
    license: str | None = None
    data_name: str | None = None
    data_license: str | None = None
    data_url: str | None = None
    power: float | None = None
    carbon_intensity: float | None = None

    def __post_init__(self) -> None:
        if self.name is not None and not re.fullmatch(r"[\w.-]{1,96}", self.name):
            raise UserError(f"`name` {self.name}: give letters, digits, dots, hyphens and underscores, 96 at most")
        for field in ("power", "carbon_intensity"):
            value = getattr(self, field)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise UserError(f"`{field}` {value:g}: must be above 0")
        if self.carbon_intensity is not None and self.power is None:
            raise UserError(f"`carbon_intensity` {self.carbon_intensity:g}: needs `power` too")

    def energy(self, seconds: float) -> float | None:
        """Energy of a training in kWh; None where the power is unknown."""
        return None if self.power is None else self.power * seconds / 3.6e6

    def emissions(self, seconds: float) -> float | None:
        """Grams of CO2-equivalent of a training; None where they are unknown."""
        energy = self.energy(seconds)
        return None if energy is None or self.carbon_intensity is None else energy * self.carbon_intensity

    @property
    def missing(self) -> list[str]:
        """Names of those that a reader of the card will miss."""
        return [name for name in ("license", "data_name", "data_license") if getattr(self, name) is None]
