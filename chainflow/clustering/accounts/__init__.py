"""Rules for account chains: deposits, airdrops, approvals, pools and gas, one file per kind of evidence."""

from chainflow.clustering.accounts.activity import activity_profile
from chainflow.clustering.accounts.airdrops import Airdrop
from chainflow.clustering.accounts.anonymity import anonymity_sets
from chainflow.clustering.accounts.approvals import Approval, SelfAuthorisation, read_approvals
from chainflow.clustering.accounts.deposits import DepositReuse, TokenDeposit
from chainflow.clustering.accounts.funders import GasFunder
from chainflow.clustering.accounts.pools import PoolAddress, PoolGasPrice, PoolLinkedAddress, PoolPortfolio

__all__ = [
    "Airdrop",
    "Approval",
    "DepositReuse",
    "GasFunder",
    "PoolAddress",
    "PoolGasPrice",
    "PoolLinkedAddress",
    "PoolPortfolio",
    "SelfAuthorisation",
    "TokenDeposit",
    "activity_profile",
    "anonymity_sets",
    "read_approvals",
]
