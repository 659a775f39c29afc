"""`ridgekey bench chaos`: gateway and ledger are killed over and over, and nothing may be lost or doubled."""
