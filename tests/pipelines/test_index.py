import pytest

from pipelines.errors import DataError
from pipelines.findings import Report, Strict
from pipelines.index import assign_parts, read_index, write_index

PATIENTS = {f"case-{k}": f"p{k // 2}" for k in range(10)}


def test_what_is_written_is_read(tmp_path):
    rows = [("a, b", 'p "1"', "train"), ("c\nd", "p2", "validation"), ("e", "p3", "test")]
    write_index(tmp_path, rows)
    index = read_index(tmp_path, {name: name for name, _, _ in rows}, Strict(tmp_path))
    assert index.patients == {name: patient for name, patient, _ in rows}
    assert assign_parts(index, Strict(tmp_path)) == ({name: part for name, _, part in rows}, "split: by index.csv")


def test_without_a_table_patients_are_split_whole(tmp_path):
    index = read_index(tmp_path, PATIENTS, Strict(tmp_path))
    parts, note = assign_parts(index, Strict(tmp_path))
    assert "70:15:15" in note
    assert set(parts.values()) == {"train", "validation", "test"}
    assert len({(PATIENTS[name], part) for name, part in parts.items()}) == 5


@pytest.mark.parametrize("few", [True, False])
def test_too_few_patients(tmp_path, few):
    index = read_index(tmp_path, {"a": "p", "b": "p"}, Strict(tmp_path))
    if few:
        assert set(assign_parts(index, Strict(tmp_path), few=True)[0].values()) == {"test"}
    else:
        with pytest.raises(DataError, match=rf"{tmp_path}: 1 patient"):
            assign_parts(index, Strict(tmp_path))


def test_a_report_holds_every_line_that_cannot_be_used(tmp_path):
    (tmp_path / "index.csv").write_text("id,patient,split\na,p,train\na,p,train\nb,,exam\nz,q,test\n")
    report = Report(tmp_path)
    index = read_index(tmp_path, {"a": "a", "b": "b", "c": "c"}, report)
    assert [one.code for one in report.sorted()] == [
        *("csv-cell", "csv-cell", "file-without-row", "row-twice", "row-without-file"),
    ]
    assert index.patients == {"a": "p", "b": "b", "c": "c"}
    assert index.parts == {"a": "train"}


def test_blanks_and_capitals_in_the_header_hide_no_split(tmp_path):
    (tmp_path / "index.csv").write_text("id, Patient , split\na, one, test\nb, two, train\n")
    index = read_index(tmp_path, {"a": "a", "b": "b"}, Strict(tmp_path))
    assert index.parts == {"a": "test", "b": "train"}
    assert index.patients == {"a": "one", "b": "two"}
