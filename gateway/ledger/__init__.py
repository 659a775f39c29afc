"""The ledger: an embedded node, and the client side that works with any node."""
