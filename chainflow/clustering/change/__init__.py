"""Change rules: which output of a transaction returns to its sender, one file per kind of evidence."""

from chainflow.clustering.change.amounts import (
    AddressTypeChange,
    LoneTypeChange,
    OptimalChange,
    PowerOfTenChange,
    PrecisionChange,
    UnnecessaryInputChange,
)
from chainflow.clustering.change.chains import ChainChange, PeelingChange
from chainflow.clustering.change.graphsense import ClusterChange, ConsensusChange
from chainflow.clustering.change.histories import (
    ErmilovChange,
    FreshChange,
    LegacyChange,
    OneTimeChange,
    SelfChange,
    ShadowChange,
)
from chainflow.clustering.change.payments import Payments
from chainflow.clustering.change.spenders import (
    ConsumerChange,
    FingerprintChange,
    FixedFeeChange,
    LocktimeChange,
)
from chainflow.clustering.change.votes import Change, vote_table

__all__ = [
    "AddressTypeChange",
    "ChainChange",
    "Change",
    "ClusterChange",
    "ConsensusChange",
    "ConsumerChange",
    "ErmilovChange",
    "FingerprintChange",
    "FixedFeeChange",
    "FreshChange",
    "LegacyChange",
    "LocktimeChange",
    "LoneTypeChange",
    "OneTimeChange",
    "OptimalChange",
    "Payments",
    "PeelingChange",
    "PowerOfTenChange",
    "PrecisionChange",
    "SelfChange",
    "ShadowChange",
    "UnnecessaryInputChange",
    "vote_table",
]
