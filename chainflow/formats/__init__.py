"""Files as evidence: exports of explorers, data sets and other tools, read strictly and archived whole."""

from __future__ import annotations

from chainflow.formats.filing import FILE, add_file_to, named_by_files
from chainflow.formats.opening import FileSource, Preview, chains_in, formats, open_file
from chainflow.formats.shape import Format, Parsed, RejectedRow

__all__ = [
    "FILE",
    "GROUP",
    "FileSource",
    "Format",
    "Parsed",
    "Preview",
    "RejectedRow",
    "add_file_to",
    "chains_in",
    "formats",
    "named_by_files",
    "open_file",
]

GROUP = "chainflow.formats"
"""The entry-point group in which formats are found, ours like anyone's."""
