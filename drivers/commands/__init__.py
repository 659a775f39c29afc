"""The sub-commands `ridgekey sensor info`, `capture`, `watch`, `doctor` and `provision`."""

DEFAULT_SENSOR = "serial:/dev/fingerprint"
"""The name that the udev rule gives to the sensor's port, so that it does not depend on the order of
plugging."""
