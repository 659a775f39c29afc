"""The demo: a finger goes through all twelve steps, with every part a real process."""
