"""The report: a case as one self-contained HTML page that a third party can check."""

from chainflow.report.disputes import of_disputes
from chainflow.report.evidence import Entry, entries_about, entry_of
from chainflow.report.page import Grouping, Material, Study, render_page

__all__ = [
    "Entry",
    "Grouping",
    "Material",
    "Study",
    "entries_about",
    "entry_of",
    "of_disputes",
    "render_page",
]
