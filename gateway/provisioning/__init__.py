"""Who may speak with the broker: a small private authority, certificates, revocation, mosquitto's files."""
