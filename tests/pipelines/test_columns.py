from pipelines.columns import column_blocks


def test_what_has_no_room_goes_below():
    widths = [10, 30, 30, 30]
    assert column_blocks(widths, None) == column_blocks(widths, 106) == [[0, 1, 2, 3]]
    assert column_blocks(widths, 105) == column_blocks(widths, 74) == [[0, 1, 2], [0, 3]]
    assert column_blocks(widths, 73) == column_blocks(widths, 5) == [[0, 1], [0, 2], [0, 3]]
    assert column_blocks([10], 80) == [[0]]
