"""Bluetooth LE on Linux, through BlueZ: be a GATT peripheral, or a central that uses one.

`bluez` is the way to bluetoothd over D-Bus, `application` the GATT objects that it asks for, `peripheral` is
both of them with an advertisement, and `central` scans and connects, on bleak. All of that is asyncio. For a
program of threads that wants whole messages, `serving` (with `hall`) and `calling` are the two ends; what the
bytes mean is an object of the program's own, of the form in `shape`.
"""
