"""Keys out of a finger, key files of the device, and a process that leaks neither."""
