"""What `verify` calls clean, the reader reads; what the reader refuses, `verify` names in the same words."""

from pipelines.errors import DataError
from pipelines.layouts import open_source, verify


def agree(folder, layout=None, findings=None):
    """Asserts that verifying and reading a folder come to the same end; returns whether it could be read."""
    try:
        for _ in open_source(folder, layout=layout, target="lesion", size=32).cases():
            pass
    except DataError as error:
        refusal = str(error)
    else:
        return True
    if not folder.is_dir():  # nothing to verify
        return False
    errors = [one for one in findings or verify(folder, layout=layout) if one.severity == "error"]
    places = {(folder if one.file == "." else folder / one.file, one) for one in errors}
    words = {f"{place.resolve()}: {one.message}" for place, one in places}
    words |= {f"{folder.resolve()}: {one.file}: {one.message}" for one in errors}  # of a case, which is not a file
    path, _, message = refusal.partition(": ")
    assert f"{folder.joinpath(path).resolve()}: {message}" in words, (refusal, errors)
    return False
