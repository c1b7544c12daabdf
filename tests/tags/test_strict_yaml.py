"""YAML as tag files use it, and nothing that could run, grow or reach outside."""

from __future__ import annotations

import contextlib
import subprocess
import sys

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from chainflow.errors import TagFileRejected
from chainflow.tags import strict_yaml
from chainflow.tags.strict_yaml import MAX_DEPTH, Items, Node, read_yaml


def plain(node: Node) -> object:
    if isinstance(node, Items):
        return [plain(value) for value in node.values]
    return {key: plain(value) for key, value in node.items()} if isinstance(node, dict) else node


@pytest.fixture(params=["libyaml", "pure Python"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "pure Python":
        monkeypatch.setattr(strict_yaml, "_LOADER", yaml.SafeLoader)
    return str(request.param)


@pytest.mark.usefixtures("loader")
def test_lines_of_a_list_are_kept() -> None:
    root = read_yaml("a: 1\nrows:\n- x: y\n\n- z\n", name="t")
    assert isinstance(root, dict)
    assert root["rows"] == Items([{"x": "y"}, "z"], [3, 5])


HOSTILE = {
    "alias": "a: b\nc: *x\n",
    "anchor": "a: &x b\n",
    "anchored list": "a: &x [b]\n",
    "include": "a: !include /etc/passwd\n",
    "python object": "a: !!python/object/apply:os.system [id]\n",
    "text tag": "a: !!str b\n",
    "tag directive": "%TAG ! tag:example.org,2000:\n---\na: b\n",
    "duplicate key": "a: b\na: c\n",
    "key that is a list": "? [a]\n: b\n",
    "two documents": "a: b\n---\nc: d\n",
    "broken": "a: [b\n",
    "tab": "a:\n\t- b\n",
    "control character": "a: b\x07c\n",
    "NUL": "a: b\0c\n",
    "deep list": "[" * 65 + "]" * 65,
    "deep mapping": "{a: " * 65 + "b" + "}" * 65,
    "billion laughs": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n",
}


@pytest.mark.usefixtures("loader")
@pytest.mark.parametrize("kind", HOSTILE)
def test_what_could_do_harm_is_refused(kind: str) -> None:
    with pytest.raises(TagFileRejected, match=r"line .* of t\.yaml"):
        read_yaml(HOSTILE[kind], name="t.yaml")


@pytest.mark.usefixtures("loader")
def test_depth_is_allowed_up_to_the_limit() -> None:
    assert read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH, name="t")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_does_not_end_python(opening: str) -> None:
    code = (
        "from chainflow.errors import TagFileRejected\n"
        "from chainflow.tags.strict_yaml import read_yaml\n"
        f"try: read_yaml({opening!r} * 100_000, name='t')\n"
        "except TagFileRejected: print('refused')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "refused\n")


def test_an_empty_document_is_empty_text() -> None:
    assert read_yaml("", name="t") == read_yaml("# nothing\n", name="t") == ""


TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=12)
NODES = st.recursive(
    TEXT, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4)
)


@given(NODES)
def test_what_a_yaml_writer_wrote_is_read_as_it_was(value: object) -> None:
    class NoAliases(yaml.SafeDumper):
        def ignore_aliases(self, data: object) -> bool:
            return True

    text = yaml.dump(value, Dumper=NoAliases, default_style='"', allow_unicode=True)
    # default_style quotes even nulls and numbers; tags are written only for those.
    assert plain(read_yaml(text, name="t")) == value


@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#,? \n\t\0~<", max_size=60))
def test_any_text_is_read_or_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(TagFileRejected):
        assert isinstance(read_yaml(text, name="t"), (str, dict, Items))
