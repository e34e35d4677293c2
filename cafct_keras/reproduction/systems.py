"""Rows of Tables 2 to 4 of arXiv 2401.16886, and the networks that reproduce them."""

import dataclasses

from cafct_keras.errors import UserError
from cafct_keras.models import list_models


@dataclasses.dataclass(frozen=True, kw_only=True)
class System:
    """One row.

    Attributes:
        name: its name in the paper, or the network's name where the table has no row for it.
        model: see `create_model`.
        options: arguments of the network's builder.
        caveat: what a reader must know before comparing the row with the printed one.
    """

    name: str
    model: str
    options: dict = dataclasses.field(default_factory=dict)
    caveat: str | None = None

    @property
    def key(self) -> str:
        """Its name in files and in `models`."""
        return "-".join([self.model, *map(str, self.options.values())])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """One of the paper's tables: its target, and its rows in the printed order."""

    target: str
    systems: tuple[System, ...]


_CAFCT_NET = System(name="CAFCT-Net", model="cafct_net")
_DEEPLAB = System(
    name="DeeplabV3+",
    model="deeplab_v3_plus",
    caveat="the paper does not name its backbone; here it is the preset's, in base ResNet-50",
)
_ATTENTION_UNET = System(
    name="Attention U-Net", model="attention_unet", caveat="the 2-D form that 2-D papers use; the cited one is 3-D"
)
TABLES = {
    2: Table(
        target="lesion",
        systems=(
            System(
                name="H-DenseUNet",
                model="dense_unet",
                caveat="its 2-D part, DenseUNet-167: the 3-D part needs a volume, which single slices are not",
            ),
            _DEEPLAB,
            _ATTENTION_UNET,
            System(
                name="PVTFormer",
                model="pvtformer",
                caveat="without the pretrained weights that the cited one is initialized with",
            ),
            _CAFCT_NET,
        ),
    ),
    3: Table(
        target="liver",
        systems=(
            System(name="U-Net", model="unet"),
            _DEEPLAB,
            _ATTENTION_UNET,
            System(name="UNet++", model="unet_plus_plus"),
            _CAFCT_NET,
        ),
    ),
    4: Table(
        target="lesion",
        systems=(
            _CAFCT_NET,
            *(
                System(name=f"w/o {part}", model="cafct_net", options={"ablation": ablation})
                for part, ablation in (
                    ("Transformer", "transformer"),
                    ("AFF", "aff"),
                    ("ASPP", "aspp"),
                    ("AGs", "gates"),
                )
            ),
        ),
    ),
}
"""Tables of the paper by number: 2 lesions, 3 liver, 4 ablations."""


def choose_systems(table: int, models: str | None) -> tuple[System, ...]:
    """Selects the rows of a table.

    Args:
        table: 2, 3 or 4.
        models: keys of systems and names of networks, separated by commas; None for the table's own. Networks without a
            row in the table are added below it.

    Raises:
        UserError: there is no such table, system or network.
    """
    if table not in TABLES:
        raise UserError(f"`table` {table}: unknown; give {', '.join(map(str, TABLES))}")
    systems = TABLES[table].systems
    if models is None:
        return systems
    own = {system.key: system for system in systems}
    chosen: dict[str, System] = {}
    for name in filter(None, map(str.strip, models.split(","))):
        if name not in own and name not in list_models():
            known = dict.fromkeys([*own, *list_models()])
            raise UserError(f"`models` {name}: unknown; give some of {', '.join(known)}")
        chosen[name] = own.get(name, System(name=name, model=name))
    if not chosen:
        raise UserError("`models`: names none; leave it out for the whole table")
    return tuple(chosen.values())
