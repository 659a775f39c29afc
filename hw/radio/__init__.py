"""Bluetooth without a radio: a look-alike of BlueZ on a D-Bus of its own, its adapters joined by virtual air.

bleak's real BlueZ backend and our own peripheral talk to it as they would to bluetoothd. `Radio` runs all of
it in a thread; its adapters hci0, hci1, … hear each other. What it leaves out (pairing, agents, classic
Bluetooth) it refuses; tests/hw/radio/test_canary.py holds it to what BlueZ and bleak really do.
"""
