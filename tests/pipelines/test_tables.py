import os

import pytest

from pipelines.tables import read_rows, write_rows

ROWS = [["id", "split"], ["a, b", "train"], ["über", "test"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_of_other_programs(tmp_path, encoding, separator, end):
    text = "".join(f"{separator.join(f'{chr(34)}{cell}{chr(34)}' for cell in row)}{end}" for row in ROWS)
    path = tmp_path / "table.csv"
    path.write_bytes(text.encode(encoding))
    assert [cells for _, cells in read_rows(path, columns=("id", "split"))] == ROWS


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("# by me, on Monday\n\nid,split\na,train\n", [3, 4]),
        ("#id,split\na,train\n", [1, 2]),
        ("sep=;\nid;split\na;train\n", [2, 3]),
        ("id,split,,\n,,,\n\n# the rest\n a , train ,,\n,,\n", [1, 5]),
    ],
)
def test_lines_without_data_are_left_out(tmp_path, text, numbers):
    (tmp_path / "table.csv").write_text(text)
    rows = read_rows(tmp_path / "table.csv", columns=("id", "split"))
    assert [number for number, _ in rows] == numbers
    assert [cells[:2] for _, cells in rows] == [["id", "split"], ["a", "train"]]


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_header_tells_the_separator_from_others_in_the_names(tmp_path, separator):
    other = {",": ";", ";": ","}[separator]
    (tmp_path / "table.csv").write_text(f"id{separator}split\na{other}1{separator}train\n")
    assert read_rows(tmp_path / "table.csv", columns=("id", "split"))[1] == (2, [f"a{other}1", "train"])


def test_what_is_no_table(tmp_path):
    (tmp_path / "binary.csv").write_bytes(bytes(range(128, 256)))
    (tmp_path / "long.csv").write_text("x" * 200_000)
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "endless.csv").symlink_to("/dev/zero")
    for name in ("binary", "long", "pipe", "endless"):
        with pytest.raises(ValueError, match=r"\S"):
            read_rows(tmp_path / f"{name}.csv")
    with pytest.raises(OSError, match="No such file"):
        read_rows(tmp_path / "none.csv")


def test_cells_that_were_written_as_no_formulas_are_read_as_they_were(tmp_path):
    rows = [{"id": "=a", "n": 1.5}, {"id": "-1_2", "n": None}, {"id": "'b", "n": 2}]
    write_rows(tmp_path / "table.csv", ["id", "n"], rows)
    assert [cells[0] for _, cells in read_rows(tmp_path / "table.csv")] == ["id", "=a", "-1_2", "'b"]
