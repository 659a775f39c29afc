"""One file for each thing a person comes to the kiosk to do; each reads from top to bottom as it happens."""
