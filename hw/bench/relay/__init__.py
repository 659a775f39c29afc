"""`ridgekey bench relay`: how fast consents go through the gateway, beside its ledger's own limit."""
