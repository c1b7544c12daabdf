"""The report: a case as one self-contained HTML page that a third party can check."""

from chainflow.report.declared import Declared, declared_of
from chainflow.report.disputes import of_disputes
from chainflow.report.evidence import Entry, entries_about, entry_of
from chainflow.report.explained import Explained, explained_digest
from chainflow.report.page import Grouping, Material, render_page
from chainflow.report.traces import Study

__all__ = [
    "Declared",
    "Entry",
    "Explained",
    "Grouping",
    "Material",
    "Study",
    "declared_of",
    "entries_about",
    "entry_of",
    "explained_digest",
    "of_disputes",
    "render_page",
]
