"""Hypothesis strategies for acts and domains."""

from dataclasses import fields

from hypothesis import strategies as st

from contracts.acts import ACTS, Act
from contracts.eip712 import Domain

addresses = st.binary(min_size=20, max_size=20)
hashes = st.binary(min_size=32, max_size=32)
uint64s = st.integers(0, 2**64 - 1)
uint256s = st.integers(0, 2**256 - 1)
environments = st.text(min_size=1, max_size=64)

OF_TYPE = {
    "address": addresses,
    "bytes32": hashes,
    "uint64": uint64s,
    "uint256": uint256s,
    "bytes": st.binary(min_size=80, max_size=80),
}


def acts_of(act: type[Act]) -> st.SearchStrategy[Act]:
    return st.builds(act, *(OF_TYPE[member.metadata["type"]] for member in fields(act)))


acts = st.one_of(*map(acts_of, ACTS))
domains = st.builds(Domain, uint256s, addresses, environments)
