"""The embedded ledger: an Ethereum node of one machine, py-evm on SQLite behind standard `eth_*` JSON-RPC.

One process, one thread, one block per transaction. `store` keeps bytes, `chain` executes and mines,
`formats` gives results their JSON shape, `methods` is the table of RPC methods, `jsonrpc` the envelope,
`server` the HTTP around it.
"""
