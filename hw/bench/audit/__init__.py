"""How long it takes to check a ledger full of consents, and whether one altered byte of it is found."""
