"""From paths to files: folders, archives, and what is refused before it is read."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from chainflow.errors import BadInput, TagFileRejected
from chainflow.tags import TagFile, Tags, files

CSV = "address,label,source\n16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T,Hydra,me\n"


def test_a_folder_means_the_known_files_in_it(tmp_path: Path) -> None:
    for name in ("b.csv", "a.tsv", "notes.txt", "README.md", "other.json"):
        (tmp_path / name).write_text(CSV.replace("Hydra", name), encoding="utf-8")
    (tmp_path / "deeper").mkdir()
    (tmp_path / "sanctioned_addresses_XBT.txt").write_text("16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T")
    tags = Tags.read(tmp_path)
    assert [file.name for file in tags.files] == ["a.tsv", "b.csv", "sanctioned_addresses_XBT.txt"]


def test_each_file_is_known_by_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "l.csv"
    path.write_text(CSV + "x,y,z\n", encoding="utf-8")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert Tags.read(path).files == (TagFile("l.csv", digest, used=1, rejected=1),)


def test_a_gzip_file_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "l.csv.gz").write_bytes(gzip.compress(CSV.encode(), mtime=0))
    (tmp_path / "l.csv").write_text(CSV, encoding="utf-8")
    assert Tags.read(tmp_path / "l.csv.gz").digest == Tags.read(tmp_path / "l.csv").digest


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 1_000_000)
    (tmp_path / "l.csv.gz").write_bytes(gzip.compress(b" " * 2_000_000))
    with pytest.raises(TagFileRejected, match="unpacks to more"):
        Tags.read(tmp_path / "l.csv.gz")


def test_a_file_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    (tmp_path / "l.csv").write_text(CSV)
    with pytest.raises(TagFileRejected, match="larger than"):
        Tags.read(tmp_path / "l.csv")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("l.csv", b"address,label\0"),
        ("l.yaml", b"a: b\0"),
        ("l.csv", b"address,label,source\n\xff\xfe,x,y"),
        ("l.csv.gz", b"no gzip"),
        ("l.csv.gz", gzip.compress(CSV.encode())[:-9]),
        ("l.pdf", b"%PDF"),
        ("notes.txt", b"16ZSAEfYpPCj3D94fsNt2okYj9Ue8mxy6T"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TagFileRejected, match=name.partition(".")[0]) as caught:
        Tags.read(tmp_path / name)
    assert caught.value.hint


def test_a_missing_file_and_an_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        Tags.read(tmp_path / "nothing.yaml")
    with pytest.raises(BadInput, match="no tag file in the folder"):
        Tags.read(tmp_path)
