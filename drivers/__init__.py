"""The fingerprint sensor, and only the sensor: an R307 or R503 on a serial port, and the image it takes.

From the wire up: `link` (the port), `packets` (frames, no I/O), `wire` (packets with deadlines), `exchange`
(one command, one answer, in step), `upload` (an image's packets), `module` (Adafruit's command set on top),
`probing` (which sensor is it), `sensor` (what the rest of the program uses). Beside them `opcodes` (the only
commands that are ever sent), `codes`, `profiles`, `timing`, `urls`, `image` and `errors`.
"""

from drivers.errors import SensorError
from drivers.image import FingerImage
from drivers.probing import SensorInfo
from drivers.sensor import Sensor, open_sensor

__all__ = ["FingerImage", "Sensor", "SensorError", "SensorInfo", "open_sensor"]
