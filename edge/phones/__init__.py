"""Phones in the room: who they are, what they may hear, and what they carry."""
