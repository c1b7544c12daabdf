"""Lists of addresses: every row is kept, whatever is wrong with it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainflow.attribution import Question, read_questions
from chainflow.errors import BadInput

A = "15JFh88FcE4WL6qeMLgX5VEAFCbRXjc9fr"


def read(folder, body: str | bytes) -> list[Question]:
    path = folder / "list.csv"
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return read_questions(path)


@pytest.mark.parametrize(
    "body",
    [
        f"{A}\n",
        f"address\n{A}\n",
        f"name;Address\nx;{A}\n",
        f"\ufeffno,address,note\n1,{A},\n",
        f"{A},a note\r\n",
    ],
)
def test_the_column_address_or_the_first_one_is_read(tmp_path, body):
    assert [question.given for question in read(tmp_path, body)] == [A]


def test_a_header_of_another_name_is_a_row_not_a_loss(tmp_path):
    assert [question.given for question in read(tmp_path, f"wallet\n{A}\n")] == ["wallet", A]


def test_rows_keep_their_line_and_what_is_wrong_with_them(tmp_path):
    found = read(tmp_path, f"no,address\n1,{A}\n\n2\n3,\n4,{A}\n")
    assert found == [
        Question(2, A),
        Question(3, "", "the row is empty"),
        Question(4, "", "no cell under address: 2"),
        Question(5, "", "the cell is empty"),
        Question(6, A),
    ]


def test_a_quote_that_never_closes_costs_one_row(tmp_path):
    found = read(tmp_path, f'address,note\n"{A},x\n{A},y\n')
    assert [(question.line, bool(question.fault)) for question in found] == [(2, True), (3, False)]
    assert A in found[0].given


def test_bytes_that_are_no_text_are_kept_where_they_are(tmp_path):
    assert [question.given for question in read(tmp_path, b"\xff\xfe\n" + A.encode())] == [r"\xff\xfe", A]


@pytest.mark.parametrize("body", ["", "\n\n", "address\n"])
def test_a_file_without_a_row_is_refused(tmp_path, body):
    with pytest.raises(BadInput, match="holds no row"):
        read(tmp_path, body)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(BadInput, match="cannot read"):
        read_questions(tmp_path / "nothing.csv")


@settings(max_examples=50, deadline=None)
@given(lines=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), max_size=6))
def test_no_line_is_lost(tmp_path_factory, lines):
    path = tmp_path_factory.mktemp("list") / "x.csv"
    body = "\n".join([*lines, A])
    path.write_bytes(body.encode())
    found = read_questions(path)
    assert A in found[-1].given
    assert len(found) <= len(body.splitlines())
