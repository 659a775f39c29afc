"""The audit: is every consent on the ledger what a person signed, in order, in time, and nothing left out?

`history` is what the ledger says, `fetch` reads it, `headers` and `replay` check it, `verify` puts both
together, `render` shows it. Everything but `fetch` works without a ledger, on an exported history.
"""
