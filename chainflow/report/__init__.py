"""The report: a case as one self-contained HTML page that a third party can check."""

from chainflow.report.disputes import of_disputes
from chainflow.report.evidence import Entry, entries_about, entry_of
from chainflow.report.explained import Explained, explained_digest
from chainflow.report.page import Grouping, Material, Study, render_page

__all__ = [
    "Entry",
    "Explained",
    "Grouping",
    "Material",
    "Study",
    "entries_about",
    "entry_of",
    "explained_digest",
    "of_disputes",
    "render_page",
]
