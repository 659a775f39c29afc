"""The way of an act from the journal to the ledger and back: turns the state machine of `gateway.journal`.

    received -> verified     verifying: would the contract take it?
    verified -> signed       signing: packed, priced, given a nonce; `bumping` looks after what gets stuck
    signed -> accepted       sending: the stored bytes, as often as it takes
    accepted -> mined        confirming: in a block
    mined -> final           confirming: under enough blocks; the receipt

Each stage reads the journal, does one thing, and writes the journal; that is all that they share. So they run
at the same time, and it doesn't matter between which two steps the process dies: the next turn, of this
process or a later one, goes on. The contract itself refuses an act that it has seen, so a step done twice
can't count twice.
"""

from gateway.relay.policy import Policy
from gateway.relay.relay import Relay

__all__ = ["Policy", "Relay"]
