"""The embedded ledger: an Ethereum node of one machine, py-evm on SQLite behind standard `eth_*` JSON-RPC.

One process, one thread, one block per transaction. `store` keeps bytes, `rules` is the protocol, `chain` checks
and mines, `calls` tries without keeping. `formats` gives JSON its shape, `parameters` reads requests,
`methods` is the table of RPC methods, `jsonrpc` the envelope, `server` the HTTP around it, `run` starts it all.
"""
