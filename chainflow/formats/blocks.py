"""Raw blocks as a file: `blk*.dat` of a node, with its `rev*.dat` if one has it, or blocks as hex or bytes.

Each block proves itself: its header commits to its transactions and carries its work. What the file
cannot tell is said: which coins were spent (without undo data), heights before BIP34, the best chain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from chainflow.errors import BadBytes, BadInput, BadResponse, ProofFailed
from chainflow.formats.block_files import KEY_FILE, Piece, is_hex, key_in, key_of, pieces, plain, writers_of
from chainflow.formats.block_order import heights_of, rivals_of
from chainflow.formats.shape import Format, Parsed, RejectedRow, options_of
from chainflow.formats.undo import Spent, spent_by
from chainflow.formats.unpack import members
from chainflow.model import Fact, HeaderRecord, OutputRecord, TxRecord
from chainflow.sources.mined import block_records
from chainflow.transactions import HEADER_FORM, Block, sha256d, txid_bytes
from chainflow.wire import parse_block, parse_header

__all__ = ["Blocks", "block_facts"]

_NODE_FILE = re.compile(r"(?:.*/)?(?:blk|rev)[0-9]{5}\.dat|(?:.*/)?xor\.dat", re.IGNORECASE)
_UNDO_FILE = re.compile(r"(?:.*/)?rev[0-9]{5}\.dat|.*undo.*\.(?:raw|bin|dat|hex)", re.IGNORECASE)
_GENESIS_TIME = 1_231_006_505
_EASIEST_EXPONENT = 0x20
_OTHER_WAY = "the chain went another way; what it held may stand in another block"


def block_facts(
    chain: str, raw: bytes, height: int | None = None, *, undo: bytes = b""
) -> tuple[HeaderRecord | TxRecord, ...]:
    """Return what the bytes of one block state: its header, and its transactions, proved to be in it.

    Parameters
    ----------
    height : int, optional
        Where the coinbase does not tell (before BIP34).
    undo : bytes, optional
        What it spends; see `chainflow.formats.undo.spent_by`.

    Raises
    ------
    BadBytes
        If the block or the undo data is malformed.
    ProofFailed
        If the parts do not belong together, or the block has another height.
    """
    block = parse_block(raw)
    told = heights_of(chain, [block]).get(block.header.hash)
    return _facts(chain, block, told if height is None else height, spent_by(block, undo) if undo else None)


class Blocks(Format):
    """Raw blocks: a node's block files, a block as bytes, or blocks as hex, one to a line."""

    family: ClassVar[str] = "blocks"
    title: ClassVar[str] = "raw blocks (blk*.dat with rev*.dat, a block as bytes or hex)"
    options: ClassVar[Mapping[str, str]] = {
        "height": "the height of a single block that does not tell it itself (before BIP34)",
        "xor": "the key of a node from version 28, as hex: the 8 bytes of its xor.dat",
    }

    @classmethod
    def recognises(cls, name: str, head: bytes) -> bool:
        """Return whether it is a node's file by name or first bytes, or begins with a header that has work."""
        if head[257:262] == b"ustar":
            return _NODE_FILE.fullmatch(head[:100].rstrip(b"\0").decode("utf-8", "replace")) is not None
        if _NODE_FILE.fullmatch(name) or _UNDO_FILE.fullmatch(name) or writers_of(head):
            return True
        start = head[: HEADER_FORM.size]
        if is_hex(head):
            digits = b"".join(head.split(b"\n", 1)[0].split())[: 2 * HEADER_FORM.size]
            start = bytes.fromhex(digits.decode("ascii")) if len(digits) == 2 * HEADER_FORM.size else b""
        elif all(0x20 <= byte < 0x7F or byte in b"\t\r\n" for byte in start):
            return False  # text
        if len(start) != HEADER_FORM.size:
            return False
        header = parse_header(start)
        is_plausible = header.time >= _GENESIS_TIME and header.bits >> 24 <= _EASIEST_EXPONENT
        return is_plausible and (header.has_work or header.has_scrypt_work)

    @classmethod
    def chains_of(cls, name: str, head: bytes) -> tuple[str, ...]:
        """Return the chains whose nodes begin their files so; none for a block alone."""
        return writers_of(head)

    @staticmethod
    def parse(chain: str, path: str, body: bytes) -> Parsed:
        """Return the facts of every block that proves itself; the others are rejected one by one.

        Raises
        ------
        BadResponse
            If the file as a whole is damaged.
        BadInput
            If it is of another chain, or an option does not fit it.
        """
        options = options_of(path)
        if unknown := sorted(set(options) - set(Blocks.options)):
            raise BadInput(
                f"no option {unknown[0]!r} for blocks", hint=f"there are {', '.join(Blocks.options)}"
            )
        files = {name.rpartition("/")[2]: content for name, content in members(body)}
        key = key_of(options["xor"]) if "xor" in options else b""
        if (content := files.pop(KEY_FILE, None)) is not None:
            key = key_in(content)
        reading = _Reading(chain)
        for name, content in files.items():
            is_undo = _UNDO_FILE.fullmatch(name) is not None
            cut = pieces(chain, plain(content, key), is_undo=is_undo)
            if is_undo:
                reading.undo += cut
            else:
                reading.take(cut)
        if not reading.rows:
            raise BadResponse("there is no block in the file", hint="is it all zeros? a node reserves room")
        return reading.parsed(_height_option(options, len(reading.blocks)))


def _height_option(options: Mapping[str, str], blocks: int) -> int | None:
    text = options.get("height")
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text) or blocks != 1:
        raise BadInput(f"height={text} for {blocks} blocks", hint="it is the height of a file with one block")
    return int(text)


@dataclass(slots=True)
class _Reading:
    """A file while it is read: its blocks, each with its row and place, and the undo data beside them."""

    chain: str
    blocks: dict[str, tuple[int, str, Block]] = field(default_factory=dict)
    undo: list[Piece] = field(default_factory=list)
    rejected: list[RejectedRow] = field(default_factory=list)
    rows: int = 0

    def take(self, cut: Iterable[Piece]) -> None:
        """Take in blocks; one that comes again, as after a crash of the node, is one block."""
        for piece in cut:
            self.rows += 1
            where = f"block at byte {piece.at}"
            try:
                block = _block_of(piece)
            except BadBytes as error:
                self.rejected.append(RejectedRow.of(self.rows, where, error))
                continue
            self.blocks.setdefault(block.header.hash, (self.rows, where, block))

    def parsed(self, height: int | None) -> Parsed:
        """Return what the blocks state, in the order of the file."""
        blocks = [block for _, _, block in self.blocks.values()]
        heights = heights_of(self.chain, blocks)
        if height is not None:
            heights = {blocks[0].header.hash: height}
        rivals = rivals_of(blocks, heights)
        spent, spare = self._spent()
        facts: list[Fact] = []
        used = without_undo = without_height = 0
        for name, (row, where, block) in self.blocks.items():
            if name in rivals:
                left_out = ProofFailed(f"block {name} is left out: {rivals[name]}", hint=_OTHER_WAY)
                self.rejected.append(RejectedRow.of(row, where, left_out))
                continue
            try:
                facts += _facts(self.chain, block, heights.get(name), spent.get(name))
            except ProofFailed as error:
                self.rejected.append(RejectedRow.of(row, where, error))
                continue
            used += 1
            without_undo += name not in spent and len(block.transactions) > 1
            without_height += name not in heights
        transactions = len(facts) - used
        return Parsed(
            tuple(facts),
            tuple(sorted(self.rejected, key=lambda row: row.line)),
            counts={"blocks": used, "transactions": transactions},
            rows=self.rows,
            notes=_notes(without_undo, without_height, spare),
        )

    def _spent(self) -> tuple[dict[str, Spent], int]:
        """Return block hash → what it spends, and how many pieces of undo data are of no block here."""
        found: dict[str, Spent] = {}
        spare = 0
        waiting: dict[int, dict[str, Block]] = {}
        for name, (_, _, block) in self.blocks.items():
            waiting.setdefault(len(block.transactions) - 1, {})[name] = block
        for piece in self.undo:
            owner = self._owner(piece, waiting)
            if owner is None:
                spare += 1
                continue
            try:
                found[owner.header.hash] = spent_by(owner, piece.raw)
            except BadBytes as error:
                row, _, _ = self.blocks[owner.header.hash]
                self.rejected.append(RejectedRow.of(row, f"undo data at byte {piece.at}", error))
        return found, spare

    def _owner(self, piece: Piece, waiting: Mapping[int, dict[str, Block]]) -> Block | None:
        """Return the block that undo data is of: a node's checksum covers the hash of the block before."""
        if not piece.checksum:
            alone = len(self.blocks) == len(self.undo) == 1
            return next(block for _, _, block in self.blocks.values()) if alone else None
        candidates = waiting.get(_transactions_in(piece.raw), {})
        for name, block in candidates.items():
            if sha256d(txid_bytes(block.header.prev_hash) + piece.raw) == piece.checksum:
                return candidates.pop(name)
        return None


def _facts(
    chain: str, block: Block, height: int | None, spent: Spent | None
) -> tuple[HeaderRecord | TxRecord, ...]:
    known: Sequence[Sequence[OutputRecord] | None] = spent or [None] * len(block.transactions)
    return block_records(chain, block, height, known, what=f"Block {block.header.hash}")


def _transactions_in(undo: bytes) -> int:
    return undo[0] if undo[0] < 0xFD else int.from_bytes(undo[1:3], "little")


def _block_of(piece: Piece) -> Block:
    """Return a block; where a whole file is none, the error says what is likely."""
    if piece.problem:
        raise BadBytes(piece.problem, hint="the other blocks are not touched by it")
    try:
        return parse_block(piece.raw)
    except BadBytes as error:
        if not piece.at:
            error.hint = (
                "a node from version 28 hides its files: add its xor.dat; merge-mined blocks are not read"
            )
        raise


def _notes(without_undo: int, without_height: int, spare: int) -> tuple[str, ...]:
    """Return what the file does not tell."""
    told = {
        "what {:,} block(s) spend is not in the file (rev*.dat): amounts spent and fees are unknown": without_undo,
        "the height of {:,} block(s) is told neither by them nor by their neighbours in the file": without_height,
        "undo data of {:,} block(s) that are not in the file was not used": spare,
    }
    return tuple(sentence.format(number) for sentence, number in told.items() if number)
