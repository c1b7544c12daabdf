"""The notebooks run from top to bottom, offline, in a real kernel."""

from __future__ import annotations

import pathlib

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((pathlib.Path(__file__).parent.parent / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook_for_each_kind_of_user():
    kinds = [path.stem.split("-")[1] for path in NOTEBOOKS if path.stem[0].isdigit()]
    assert kinds == ["analyst", "researcher", "trainer", "researcher", "analyst"]
    assert NOTEBOOKS[-1].stem == "sources"


@pytest.mark.notebook
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_offline_and_leaves_something_to_see(path, tmp_path):
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs for cell in code)
    assert not [
        out
        for cell in code
        for out in cell.outputs
        if out.output_type == "error" or out.get("name") == "stderr"
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_a_chapter_without_output(path):
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) <= 12
    assert not any(cell.outputs for cell in code)
