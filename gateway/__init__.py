"""The relay: takes what kiosks and requesters signed, carries it to the ledger, and answers them."""
