"""Tables as users' programs write them, beside the slices they are about."""

import pytest

from pipelines import open_source
from pipelines.layouts import verify
from tests.reported import reported

FORMS = (
    *("bom", "semicolon", "crlf-quoted", "blank", "tab", "utf16", "capitals", "blank-header", "excel-tail"),
    *("png-in-id", "Train-words", "hash-comment"),
)


@pytest.mark.parametrize("form", FORMS)
def test_the_users_split_is_used(form):
    source = open_source(reported(41) / f"41-{form}", target="liver", size=64)
    parts = {"pat0": "test", "pat1": "test", "pat2": "test", "pat3": "validation", "pat4": "train"}
    assert source.parts == parts
    assert source.patients_by == "table"


def test_one_odd_name_is_named_and_the_others_are_guessed():
    folder = reported(46) / "46-one-odd-name"
    assert set(open_source(folder, target="liver", size=64).parts) == {"extra", *(f"pat{k}" for k in range(6))}
    (unclear,) = (one for one in verify(folder) if one.severity == "warning")
    assert (unclear.code, unclear.message.split(":")[0]) == ("patient-unclear", "extra")
