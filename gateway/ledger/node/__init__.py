"""The embedded ledger: a one-machine Ethereum node, py-evm on SQLite behind standard `eth_*` JSON-RPC.

One process, one thread, one block per transaction. `store` keeps bytes, `rules` is the protocol, `chain`
checks and mines, `calls` tries without keeping. `parameters` reads requests, `methods` is the table of RPC
methods, `formats` gives answers their shape, `jsonrpc` is the envelope, `server` the HTTP around it, `run`
starts it all.
"""

DEFAULT_CHAIN_ID = 20_022
"""Of a new ledger: free in the public list of chains, so that nothing signed here counts on another chain."""
