"""Runs the notebook of the tutorials: `python -m tests.docs.notebook` renews the outputs that it is shown with."""

import pathlib

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


def without_views(notebook):
    """A widget is shown by a running kernel only, and a stored output must not differ from one run to the next."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                output
                for output in cell.outputs
                if "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
            ]
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


if __name__ == "__main__":
    import tempfile

    import nbformat

    with tempfile.TemporaryDirectory() as folder:
        nbformat.write(without_views(executed(folder)), NOTEBOOK)
