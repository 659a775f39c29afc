"""The kiosk's peripherals: the fingerprint sensor, an R307 or R503 on a serial port; and Bluetooth, on BlueZ.

This module imports nothing, so that a gateway, which has Bluetooth and no sensor, needs no serial port.

The sensor, from the wire up: `link` (the port), `packets` (frames, no I/O), `wire` (packets with deadlines),
`exchange` (one command, one answer, in step), `upload` (an image's packets), `module` (Adafruit's command set
on top), `probing` (which sensor is it), `sensor` (what the rest of the program uses) and `opening`
(`open_sensor`). Around the image: `scrubbing` (none stays in the sensor) and `idle`. For whoever sets a
sensor up: `provisioning`, `binding`, `passwords`, `doctor`. Beside them `opcodes` (the only commands that are
ever sent), `codes`, `profiles`, `timing`, `urls`, `pins`, `light`, `image`, `errors`; and `worker`, a thread
that owns a sensor. Bluetooth is all in `bluetooth`, MQTT in `mqtt`; `pauses`, between
attempts to connect, are the same for both.
"""
