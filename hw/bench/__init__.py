"""Measurements: each `ridgekey bench NAME` prints a table for a person and writes figures for a machine."""
