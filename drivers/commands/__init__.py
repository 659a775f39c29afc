"""The sub-commands `ridgekey sensor info` and `ridgekey sensor capture`."""

DEFAULT_SENSOR = "serial:/dev/fingerprint"
"""The name that the udev rule gives to the sensor's port, so that it does not depend on the order of
plugging."""
