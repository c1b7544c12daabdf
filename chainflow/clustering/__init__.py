"""Clustering: addresses grouped by declared rules, with the transactions behind each group."""

from chainflow.clustering.accounts import (
    Airdrop,
    DepositReuse,
    GasFunder,
    PoolAddress,
    PoolGasPrice,
    PoolLinkedAddress,
    PoolPortfolio,
    SelfAuthorisation,
    TokenDeposit,
)
from chainflow.clustering.change import (
    AddressTypeChange,
    ChainChange,
    Change,
    ClusterChange,
    ConsensusChange,
    ConsumerChange,
    ErmilovChange,
    FingerprintChange,
    FixedFeeChange,
    FreshChange,
    LegacyChange,
    LocktimeChange,
    LoneTypeChange,
    OneTimeChange,
    OptimalChange,
    PeelingChange,
    PowerOfTenChange,
    PrecisionChange,
    SelfChange,
    ShadowChange,
    UnnecessaryInputChange,
    vote_table,
)
from chainflow.clustering.checks.alarms import Alarm, Alarms
from chainflow.clustering.checks.bridges import Bridge, Bridges
from chainflow.clustering.checks.compared import Difference, difference
from chainflow.clustering.checks.growth import Growth
from chainflow.clustering.checks.survival import Survival
from chainflow.clustering.clustering import Clustering
from chainflow.clustering.decisions import Decision
from chainflow.clustering.engine.constraints import Constraint
from chainflow.clustering.engine.join import cluster
from chainflow.clustering.engine.vetoes import vetoes_again as vetoes_again
from chainflow.clustering.error_rates.calibration import Calibration, Calls, calibrate
from chainflow.clustering.error_rates.comparison import Comparison, compare
from chainflow.clustering.error_rates.evaluation import Evaluation, evaluate
from chainflow.clustering.error_rates.figure import ErrorFigure
from chainflow.clustering.error_rates.measured import error_figures
from chainflow.clustering.error_rates.share import Share
from chainflow.clustering.error_rates.sheet import rule_sheet
from chainflow.clustering.explaining.apart import Apart, Refusal
from chainflow.clustering.explaining.explain import Explanation, WhatIf
from chainflow.clustering.explaining.links import Link
from chainflow.clustering.heuristics import MultiInput, WalletMigration
from chainflow.clustering.keys import SameKey, SharedMultisigKey, WrappedScript
from chainflow.clustering.rules import About, Heuristic, Kind, about

# for who reads recipes again; not advertised
from chainflow.clustering.rules import described as described
from chainflow.clustering.rules import rule_of as rule_of
from chainflow.clustering.whole_chain.chain import ChainClusters, cluster_chain
from chainflow.samples.owners import Truth

__all__ = [
    "About",
    "AddressTypeChange",
    "Airdrop",
    "Alarm",
    "Alarms",
    "Apart",
    "Bridge",
    "Bridges",
    "Calibration",
    "Calls",
    "ChainChange",
    "ChainClusters",
    "Change",
    "ClusterChange",
    "Clustering",
    "Comparison",
    "ConsensusChange",
    "Constraint",
    "ConsumerChange",
    "Decision",
    "DepositReuse",
    "Difference",
    "ErmilovChange",
    "ErrorFigure",
    "Evaluation",
    "Explanation",
    "FingerprintChange",
    "FixedFeeChange",
    "FreshChange",
    "GasFunder",
    "Growth",
    "Heuristic",
    "Kind",
    "LegacyChange",
    "Link",
    "LocktimeChange",
    "LoneTypeChange",
    "MultiInput",
    "OneTimeChange",
    "OptimalChange",
    "PeelingChange",
    "PoolAddress",
    "PoolGasPrice",
    "PoolLinkedAddress",
    "PoolPortfolio",
    "PowerOfTenChange",
    "PrecisionChange",
    "Refusal",
    "SameKey",
    "SelfAuthorisation",
    "SelfChange",
    "ShadowChange",
    "Share",
    "SharedMultisigKey",
    "Survival",
    "TokenDeposit",
    "Truth",
    "UnnecessaryInputChange",
    "WalletMigration",
    "WhatIf",
    "WrappedScript",
    "about",
    "calibrate",
    "cluster",
    "cluster_chain",
    "compare",
    "difference",
    "error_figures",
    "evaluate",
    "rule_sheet",
    "vote_table",
]
