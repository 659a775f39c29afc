"""The audit: is every consent on the ledger what a person signed, in order, in time, and nothing left out?

`history` is what the ledger says; `source` and `fetch` read it, `ahead` of the check. `headers`, `receipts`
and `replay` check it, `verify` puts that together, `render` shows it. Everything but the reading works
without a ledger, on an exported history.
"""
