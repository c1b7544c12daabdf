"""Attribution: what tags assert about where value went or came from, for one trace, one target or a list."""

from chainflow.attribution.exposures import Exposure, exposure
from chainflow.attribution.holders import DIRECT, INHERITED, UNKNOWN, UNTAGGED, Owners
from chainflow.attribution.listings import Listed, Listing, listings_of, on_list
from chainflow.attribution.questions import Question, read_questions
from chainflow.attribution.resuming import screen_file
from chainflow.attribution.screening import Screening, screen
from chainflow.attribution.targets import ExposureOf, exposure_of

__all__ = [
    "DIRECT",
    "INHERITED",
    "UNKNOWN",
    "UNTAGGED",
    "Exposure",
    "ExposureOf",
    "Listed",
    "Listing",
    "Owners",
    "Question",
    "Screening",
    "exposure",
    "exposure_of",
    "listings_of",
    "on_list",
    "read_questions",
    "screen",
    "screen_file",
]
