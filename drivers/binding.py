"""Which module it is: a tag in its notepad, or the serial number that it tells; another one is refused.

A module has no secret that it could prove itself by, so this stops a mistake and a careless swap, not
somebody who copies the tag. The last page of the notepad holds `ridgekey`, a zero, and the tag.
"""

from drivers.errors import CommandRefusedError, WrongModuleError
from drivers.module import Module
from drivers.profiles import parse_product

PAGE = 15
"""The last of the 16 pages: other software begins at the first."""

PAGE_BYTES = 32
_MARK = b"ridgekey\0"
LONGEST_TAG = PAGE_BYTES - len(_MARK)


def encode_tag(tag: str) -> bytes:
    """The notepad page for a tag.

    Raises:
        ValueError: It is empty, too long, or not plain letters, digits, dots, dashes and underscores.
    """
    plain = tag.replace("-", "").replace("_", "").replace(".", "")
    if not (tag.isascii() and plain.isalnum() and len(tag) <= LONGEST_TAG):
        raise ValueError(f"a tag has 1 to {LONGEST_TAG} letters, digits, dots, dashes or underscores")
    return (_MARK + tag.encode("ascii")).ljust(PAGE_BYTES, b"\0")


def decode_tag(page: bytes) -> str | None:
    """The tag on a notepad page; None if it holds none of ours."""
    if len(page) != PAGE_BYTES or not page.startswith(_MARK):
        return None
    try:
        tag = page[len(_MARK) :].rstrip(b"\0").decode("ascii")
        encode_tag(tag)
    except ValueError:
        return None
    return tag


def is_blank(page: bytes) -> bool:
    """Whether nobody has written to a notepad page."""
    return page in (bytes(PAGE_BYTES), b"\xff" * PAGE_BYTES)


def read_tag(module: Module) -> str | None:
    """The tag that a module carries.

    Raises:
        SensorError: The module does not answer, or has no notepad.
    """
    return decode_tag(module.read_notepad(PAGE))


def require(module: Module, name: str, *, tells_product: bool) -> None:
    """Make sure that a module is the one of that name: its tag, or its serial number.

    Args:
        module: The module.
        name: What it must be called.
        tells_product: Whether it is of a model that may be asked for its serial number.

    Raises:
        WrongModuleError: It is another one, or does not say.
        SensorError: The line failed.
    """
    found = []
    if tells_product:
        product = parse_product(module.read_product())
        found += [product.serial] if product and product.serial else []
    if name not in found:
        found += [tag] if (tag := _tag_if_any(module)) else []
    if name not in found:
        called = " and ".join(found) or "one without a name"
        raise WrongModuleError(
            f"the sensor on {module.exchange.wire.path} is {called}, not {name}: somebody has exchanged it; "
            "put the right one back, or provision this one and change the setting"
        )


def _tag_if_any(module: Module) -> str | None:
    try:
        return read_tag(module)
    except CommandRefusedError:
        return None
