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


NAMES = {name: name for name in ("a_1", "b_1", "c_1")}
SPLIT = "id,split\na_1,train\nb_1,val\nc_1,test\n"


def read(folder):
    report = Report(folder)
    return read_index(folder, NAMES, report), {(one.severity, one.code, one.file) for one in report.sorted()}


@pytest.mark.parametrize("name", ["images/a_1.png", "a_1.nii.gz", r"C:\data\a_1.dcm"])
def test_a_case_may_be_called_by_its_file(tmp_path, name):
    (tmp_path / "index.csv").write_text(SPLIT.replace("a_1", name))
    index, found = read(tmp_path)
    assert not found
    assert index.parts == {"a_1": "train", "b_1": "validation", "c_1": "test"}


@pytest.mark.parametrize("name", ["Mu\u0308ller", "M\udcfcller"])
def test_names_are_the_same_in_other_encodings(tmp_path, name):
    (tmp_path / "index.csv").write_bytes("id,split\nMüller,test\n".encode("cp1252"))
    assert read_index(tmp_path, {name: name}, Strict(tmp_path)).parts == {name: "test"}


@pytest.mark.parametrize("name", ["Index.csv", "INDEX.CSV", "index.tsv"])
def test_a_table_with_another_name_of_an_index(tmp_path, name):
    (tmp_path / name).write_text(SPLIT)
    index, found = read(tmp_path)
    assert not found
    assert assign_parts(index, Strict(tmp_path))[1] == f"split: by {name}"


OTHERS = {
    "split.csv": "case,set\na_1,train\nb_1,train\nc_1,test\n",
    "patients.csv": "name;Set;age\na;train;1\nb;Test;2\n",
    "folds.tsv": "a_1\t0\nb_1\t1\n",
    "train.txt": "images/a_1.png\nimages/b_1.png\n",
    "my_test_list.txt": "c_1\n",
    "splits_final.json": '[{"train": ["a_1", "b_1"], "val": ["c_1"]}]',
    "split.xlsx": "PK",
    "index.json": '{"a_1": "train"}',
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_looks_like_a_split_and_is_not_used_is_an_error(tmp_path, name):
    (tmp_path / name).write_text(OTHERS[name])
    assert read(tmp_path)[1] == {("error", "split-unused", name)}
    (tmp_path / "index.csv").write_text(SPLIT)
    severity = "error" if name.startswith("index") else "warning"
    assert read(tmp_path)[1] == {(severity, "split-unused", name)}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("dataset.json", '{"training": ["a_1"], "test": []}'),
        ("test_results.csv", "case,dice\na_1,0.5\n"),
        ("requirements-test.txt", "pytest\n"),
        ("train.txt", "the training took 3 hours\n"),
        ("ages.csv", "id,age\na_1,50\n"),
        ("binary.csv", "\0\1\2"),
    ],
)
def test_other_files_are_no_split(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert not read(tmp_path)[1]


def test_columns_that_are_not_used_are_named(tmp_path):
    (tmp_path / "index.csv").write_text("id,age,Patient\na_1,7,a\nb_1,8,b\nc_1,9,c\n")
    assert read(tmp_path)[1] == {("note", "columns-unused", "index.csv")}
    (tmp_path / "index.csv").write_text("id,spilt\na_1,train\nb_1,train\nc_1,test\n")
    assert read(tmp_path)[1] == {("error", "split-unused", "index.csv"), ("note", "columns-unused", "index.csv")}


@pytest.mark.parametrize(
    "text", ["id,split,split\na_1,test,train\n", "id,split\na,1,train\n", 'id,patient,split\n"a_1,train\n']
)
def test_a_table_that_says_two_things_is_an_error(tmp_path, text):
    (tmp_path / "index.csv").write_text(text)
    assert "error" in {severity for severity, _, _ in read(tmp_path)[1]}


def test_the_table_of_a_published_set_lists_more_than_is_there(tmp_path):
    (tmp_path / "meta.csv").write_text("image_id;age;split\na_1;50;train\nb_1;60;val\nc_1;1;test\nz;2;test\n")
    index, found = read(tmp_path)
    assert not found
    assert index.parts == {"a_1": "train", "b_1": "validation", "c_1": "test"}


def test_patients_that_are_spelled_alike_are_named_on_two_sides(tmp_path):
    (tmp_path / "index.csv").write_text("id,patient,split\na_1,P1,train\nb_1,p01,test\nc_1,P2,val\n")
    report = Report(tmp_path)
    assign_parts(read_index(tmp_path, NAMES, report), report)
    assert [(one.severity, one.code) for one in report.sorted()] == [("warning", "split-leak")]


PLACES = {"a_1": "Training Batch 1/a", "b_1": "val_set/b", "c_1": "imagesTest/c"}


def by_folder(folder, places=PLACES):
    report = Report(folder)
    index = read_index(folder, NAMES, report, places={name: folder / place for name, place in places.items()})
    return *assign_parts(index, report), [(one.severity, one.code) for one in report.sorted()]


def test_folders_may_be_the_split(tmp_path):
    parts, note, found = by_folder(tmp_path)
    assert parts == {"a_1": "train", "b_1": "validation", "c_1": "test"}
    assert (note, found) == ("split: by the folders of the cases", [])
    (tmp_path / "index.csv").write_text("id,split\na_1,val\nb_1,train\nc_1,test\n")
    parts, note, found = by_folder(tmp_path)
    assert parts == {"a_1": "validation", "b_1": "train", "c_1": "test"}
    assert (note, found) == ("split: by index.csv", [("warning", "split-unused")])


def test_folders_that_are_a_split_of_some_cases_are_an_error(tmp_path):
    assert by_folder(tmp_path, {**PLACES, "c_1": "other/c"})[2] == [("error", "split-unused")]
    assert "hash" in by_folder(tmp_path, dict.fromkeys(NAMES, "Training Batch 1/x"))[1]
