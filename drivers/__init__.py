"""The fingerprint sensor, and only the sensor: an R307 or R503 on a serial port, and the image it takes.

From the wire up: `link` (the port), `packets` (frames, no I/O), `wire` (packets with deadlines), `exchange`
(one command, one answer, in step), `upload` (an image's packets), `module` (Adafruit's command set on top),
`probing` (which sensor is it), `sensor` (what the rest of the program uses) and `opening`. Around the image:
`scrubbing` (none stays in the sensor) and `idle`. For whoever sets a sensor up: `provisioning`, `binding`,
`passwords`, `doctor`. Beside them `opcodes` (the only commands that are ever sent), `codes`, `profiles`,
`timing`, `urls`, `pins`, `light`, `image`, `errors`; and `worker`, a thread that owns a sensor.
"""

from drivers.errors import SensorError
from drivers.image import FingerImage
from drivers.opening import open_sensor
from drivers.probing import SensorInfo
from drivers.sensor import Sensor

__all__ = ["FingerImage", "Sensor", "SensorError", "SensorInfo", "open_sensor"]
