"""The kiosk: a finger in, a signed act out, and a receipt for the person."""
