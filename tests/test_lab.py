"""The notebooks in a real JupyterLab, in a real browser, without a network."""

from __future__ import annotations

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

NOTEBOOKS = pathlib.Path(__file__).parent.parent / "notebooks"
FOLDERS = (
    "JUPYTER_CONFIG_DIR",
    "JUPYTER_DATA_DIR",
    "JUPYTER_RUNTIME_DIR",
    "JUPYTERLAB_WORKSPACES_DIR",
    "IPYTHONDIR",
)
SESSION = "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status == 'idle'"
CELLS = """(() => {
  const cells = window.jupyterapp.shell.currentWidget.content.widgets.filter(w => w.model.type == 'code');
  const outputs = cells.map(w => w.model.outputs.toJSON());
  return {
    cells: cells.length,
    done: cells.filter(w => w.model.executionCount).length,
    errors: outputs.flat().filter(o => o.output_type == 'error').map(o => o.evalue),
    noise: outputs.flat().filter(o => o.name == 'stderr').map(o => o.text),
  };
})()"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    home = tmp_path_factory.mktemp("lab")
    for path in NOTEBOOKS.glob("*.ipynb"):
        shutil.copy(path, home)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"ip": "127.0.0.1", "port": port, "password": "", "disable_check_xsrf": True, "root_dir": home}
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--IdentityProvider.token=",
    ]
    command += [f"--ServerApp.{name}={value}" for name, value in settings.items()]
    command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
    environment = {**os.environ, **{name: str(home / ".jupyter" / name) for name in FOLDERS}}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{base}/api/status").close()
            break
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.2)
    yield base
    server.terminate()
    server.wait()


@pytest.mark.browser
@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_notebook_runs_in_jupyterlab_without_asking_anyone(browser, lab, name):
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    outside = []

    def only_here(route):
        if route.request.url.startswith((lab, lab.replace("http", "ws"), "data:", "blob:", "about:")):
            route.continue_()
        else:
            outside.append(route.request.url)
            route.abort()

    page.route("**/*", only_here)
    page.goto(f"{lab}/lab/tree/{name}?reset")
    page.wait_for_function(SESSION, timeout=90_000)
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    deadline = time.monotonic() + 120
    while (state := page.evaluate(CELLS))["done"] < state["cells"] and not state["errors"]:
        assert time.monotonic() < deadline, state
        page.wait_for_timeout(200)
    assert state["errors"] == []
    assert state["noise"] == []
    assert outside == []
    page.close()
