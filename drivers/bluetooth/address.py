"""An adapter as a setting names it."""

import re

from drivers.bluetooth.errors import AddressError

_FORM = re.compile(r"ble:([a-z0-9]{0,32})", re.ASCII)


def adapter_of(url: str) -> str:
    """The adapter that `ble:hci0` names; empty for `ble:`, which is the first that will do.

    Raises:
        AddressError: the text has another form.
    """
    form = _FORM.fullmatch(url)
    if form is None:
        raise AddressError(f'Bluetooth is named "ble:", or "ble:hci0" for one adapter, not {url[:80]!r}')
    return form[1]
