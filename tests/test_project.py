"""Facts about the repository itself: what its files may hold, and that its jobs and lists agree."""

from __future__ import annotations

import ast
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
SKIPPED = {".git", ".venv", "__pycache__", "build", "dist", "out"}  # where git cannot tell
PRODUCT = ("README.md", "chainflow/", "docs/", "notebooks/", "sample_data/")
# Each pattern is spelt so that it does not match its own text.
REGISTRY = re.compile(
    r"pyp[i]\.org|pythonhoste[d]\.org|npmj[s]\.(?:org|com)|anacond[a]\.(?:org|com)"
    r"|(?:deb|security|archive)\.(?:debia[n]\.org|ubunt[u]\.com)"
)
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])(?:/(?:roo[t]|hom[e]|wor[k]|User[s])/|[A-Za-z]:\\{1,2}User[s]\\)")
NEIGHBOUR = re.compile(r"\.\./share[d]")


def project_files() -> list[str]:
    """Return the paths of all files that are, or could be, committed."""
    if (REPOSITORY / ".git").exists():
        git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(git, cwd=REPOSITORY, capture_output=True, check=False)
        if listed.returncode == 0:
            names = {os.fsdecode(name) for name in listed.stdout.split(b"\0") if name}
            return sorted(name for name in names if (REPOSITORY / name).is_file())
    found = []
    for folder, folders, files in os.walk(REPOSITORY):
        folders[:] = [f for f in folders if f not in SKIPPED and not f.endswith(("_cache", ".egg-info"))]
        found += [(Path(folder) / file).relative_to(REPOSITORY).as_posix() for file in files]
    return sorted(found)


def lines_matching(pattern: re.Pattern[str], *, below: tuple[str, ...] = ("",)) -> list[str]:
    """Return `path:line: text` for each line of a text file that `pattern` finds."""
    found = []
    for name in project_files():
        content = (REPOSITORY / name).read_bytes()
        if not name.startswith(below) or b"\0" in content:
            continue
        for number, line in enumerate(content.decode(errors="replace").splitlines(), 1):
            if match := pattern.search(line):
                found.append(f"{name}:{number}: {line[max(0, match.start() - 20) : match.end() + 20]}")
    return found


def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of chainflow by path."""
    names = [n for n in project_files() if n.startswith("chainflow/") and n.endswith(".py")]
    return {name: ast.parse((REPOSITORY / name).read_bytes(), name) for name in names}


def declared_dependencies() -> set[str]:
    """Return the names of all dependencies in pyproject.toml, extras included."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\s\[<>=!~;]", requirement)[0].lower() for some in lists for requirement in some}
    return names - {project["name"]}


def locked_requirements() -> list[str]:
    """Return requirements.lock as one string per requirement, continuation lines joined, comments gone."""
    text = (REPOSITORY / "requirements.lock").read_text("utf-8")
    joined = text.replace("\\\n", " ")
    return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def make_targets() -> set[str]:
    """Return the targets that the Makefile lists."""
    (listed,) = re.findall(r"^TASKS := (.+)$", (REPOSITORY / "Makefile").read_text("utf-8"), re.MULTILINE)
    return set(listed.split())


def test_the_listing_holds_the_project_and_nothing_built() -> None:
    names = project_files()
    assert {"pyproject.toml", "chainflow/__init__.py", "tests/test_project.py"} <= set(names)
    assert not [name for name in names if ".venv/" in name or "__pycache__" in name]


def test_no_file_names_a_package_registry() -> None:
    assert lines_matching(REGISTRY) == []


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    assert lines_matching(MACHINE_PATH) == []


def test_the_product_does_not_know_the_folder_beside_it() -> None:
    assert lines_matching(NEIGHBOUR, below=PRODUCT) == []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (REGISTRY, ("https://py", "pi.org/simple")),
        (REGISTRY, ("http://deb.deb", "ian.org/debian")),
        (MACHINE_PATH, ('open("/ro', 'ot/case")')),
        (MACHINE_PATH, ("File /ho", "me/ann/x.py")),
        (MACHINE_PATH, (r"C:\\Use", r"rs\\ann")),
        (NEIGHBOUR, ("../sha", "red/data")),
    ],
)
def test_each_pattern_finds_what_it_forbids(pattern: re.Pattern[str], words: tuple[str, str]) -> None:
    assert pattern.search("".join(words))


@pytest.mark.parametrize(
    "text", ["https://example.org/home/page", "~/work/case", "../home/x", "$HOME/work/x"]
)
def test_an_address_on_the_web_is_not_a_place_on_a_machine(text: str) -> None:
    assert MACHINE_PATH.search(text) is None


def test_bare_import_loads_nothing_heavy() -> None:
    heavy = ["numpy", "pandas", "pyarrow", "networkx", "pyvis", "IPython", "requests", "click"]
    code = f"import sys, chainflow; print(*sorted(set(sys.modules) & set({heavy})))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_every_module_says_what_it_holds() -> None:
    assert [name for name, tree in modules().items() if not ast.get_docstring(tree)] == []


def test_only_the_shell_command_prints() -> None:
    def prints(tree: ast.Module) -> bool:
        names = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        return any(isinstance(name, ast.Name) and name.id == "print" for name in names)

    assert [n for n, tree in modules().items() if prints(tree) and not n.startswith("chainflow/cli")] == []


def test_no_file_of_the_package_is_over_400_lines() -> None:
    written = [n for n in project_files() if re.fullmatch(r"chainflow/.+\.(py|js|css|html|sql)", n)]
    long = {name: len((REPOSITORY / name).read_bytes().splitlines()) for name in written}
    assert {name: lines for name, lines in long.items() if lines > 400} == {}


def test_every_locked_requirement_is_pinned_and_has_a_hash() -> None:
    requirement = re.compile(r"[\w.-]+==\S+( ;[^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*")
    assert [line for line in locked_requirements() if not requirement.fullmatch(line)] == []


def test_the_lock_holds_every_declared_dependency() -> None:
    locked = {line.split("==")[0].lower() for line in locked_requirements()}
    assert declared_dependencies() - locked == set()


def test_every_dependency_has_its_reason() -> None:
    decisions = (REPOSITORY / "docs" / "decisions.md").read_text("utf-8")
    explained = set(re.findall(r"^- \*\*([\w.-]+)\*\*.*: \S", decisions, re.MULTILINE))
    assert declared_dependencies() ^ explained == set()


def test_every_family_of_sources_is_kept_apart() -> None:
    told = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
    sources = told["project"]["entry-points"]["chainflow.sources"].values()
    (contract,) = (one for one in told["tool"]["importlinter"]["contracts"] if one["id"] == "families")
    assert set(contract["modules"]) == {place.partition(":")[0] for place in sources}


def test_every_make_target_is_a_task() -> None:
    tasks = runpy.run_path(str(REPOSITORY / "scripts" / "tasks.py"))["TASKS"]
    assert make_targets() == {"help", *tasks}


def test_every_make_command_in_the_documentation_exists() -> None:
    pages = [name for name in project_files() if name.endswith(".md")]
    text = "\n".join((REPOSITORY / name).read_text("utf-8") for name in pages)
    named = re.findall(r"(?:`|^\s*\$?\s*)make (\w+)|tasks\.py (\w+)", text, re.MULTILINE)
    assert {word for pair in named for word in pair if word} - make_targets() == set()


@pytest.mark.parametrize("script", ["tasks.py", "browser.py", "debian.py", "servers.py", "evm_servers.py"])
def test_an_old_python_can_read_the_scripts(script: str) -> None:
    source = (REPOSITORY / "scripts" / script).read_text("utf-8")
    tree = ast.parse(source, feature_version=(3, 7))
    assert "__future__" not in {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}


def test_an_unknown_task_is_refused_with_the_list() -> None:
    command = [sys.executable, str(REPOSITORY / "scripts" / "tasks.py"), "tset"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "  test " in done.stdout) == (2, True)
