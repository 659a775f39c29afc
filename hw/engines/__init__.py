"""Engines beside the embedded ledger, as processes: anvil for conformance, a network of geth for the rest.

They are tools of the tests: `tools` fetches each at a pinned version into a folder of the project, `.tools`.
`engine` is a process that speaks JSON-RPC, `anvil` and `geth` start one.
"""
