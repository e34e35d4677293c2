"""PVTv2: its size."""

import pytest

from cafct_keras.models import PVTv2, create_model
from tests.models.counting import trainable


@pytest.mark.parametrize(
    ("variant", "count"),
    [
        ("b0", 3_409_760),
        ("b1", 13_496_000),
        ("b2", 24_849_856),
        ("b2_li", 22_040_512),
        ("b3", 44_725_696),
        ("b4", 62_043_072),
        ("b5", 81_443_008),
        ("tiny", 163_160),
        ("tiny_li", 145_944),
    ],
)
def test_pvt_v2(variant, count):
    assert trainable(PVTv2(variant)) == count


def test_pvt_v2_by_stage():
    stages = [183_296, 326_464, 930_080, 1_969_920]
    assert [trainable(PVTv2("b0").get_layer(f"stage{level}")) for level in (1, 2, 3, 4)] == stages


def test_the_prefix_of_a_name_may_be_omitted():
    paths = [[each.path for each in PVTv2(name).weights] for name in ("tiny", "pvt_v2_tiny")]
    assert paths[0] == paths[1]
    assert PVTv2("tiny").name == PVTv2("pvt_v2_tiny").name == "pvt_v2_tiny"
    for options in ({"transformer": "tiny"}, {"variant": "tiny", "width": 8, "drop_path_rate": 0.0}):
        model = create_model("pvtformer", preset="tiny", input_shape=(64, 64, 3), **options)
        assert model.get_layer("transformer3").filters == 40
