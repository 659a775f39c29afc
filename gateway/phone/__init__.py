"""The page for phones: what a phone's browser can do, as files and the headers that fence them in."""
