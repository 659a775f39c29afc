"""The phone on the command line: what an app does, for people at a terminal and as the real peer in tests."""
