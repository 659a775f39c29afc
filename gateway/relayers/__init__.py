"""The accounts that pay for transactions: their encrypted keys, and the commands for them."""
