"""What the kiosk remembers, in one SQLite file: no name, no title, no biometric in clear, no key."""
