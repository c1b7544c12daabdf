"""The report: a case as one self-contained HTML page that a third party can check."""

from chainflow.report.page import Grouping, Material, Study, render_page

__all__ = ["Grouping", "Material", "Study", "render_page"]
