"""Runs the notebook of the tutorials: `python -m tests.docs.notebook` renews the outputs that it is shown with."""

import pathlib
import re

VIEW = "application/vnd.jupyter.widget-view+json"
TIMES = re.compile(r" +\d+% waiting for data.*|, [\d.]+ (?:s|min|h) in total|^scoring .* left\n*", re.MULTILINE)
NOTEBOOK = pathlib.Path(__file__).parents[2] / "docs" / "tutorials" / "notebook.ipynb"


def executed(folder):
    """The notebook with the outputs of a run in a folder; an error in a cell is raised."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(
        notebook, resources={"metadata": {"path": folder}}, store_widget_state=False, record_timing=False
    )
    return client.execute()


def stored(notebook):
    """The notebook without what depends on the machine: warnings, times, and widgets, which only a kernel shows."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        kept = []
        for output in cell.outputs:
            data = output.get("data", {})
            data.pop("text/html", None)  # what the console prints, once more
            if "text/plain" in data:
                data["text/plain"] = TIMES.sub("", data["text/plain"])
            if VIEW not in data and output.get("name") != "stderr" and any(map(str.strip, data.values() or ["text"])):
                kept.append(output)
        cell.outputs = kept
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


if __name__ == "__main__":
    import tempfile

    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(stored(executed(folder)), NOTEBOOK)
