"""What the ends agree on: consent acts, signed messages, receipts, and the contract with its ABI. No I/O."""
