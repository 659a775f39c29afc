"""Where a ledger's nodes are and how they let us in: URLs, headers that authenticate, certificates.

A hosted ledger's key may stand in a header or in the URL itself, so both can be kept out of the
configuration: `file:PATH` names a file of mode 0600, `credential:NAME` one that systemd hands over
(LoadCredential=). Neither is ever shown: errors and logs name a URL by its host.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from contracts.labels import clean
from gateway.ledger.errors import LedgerConfigurationError

KNOWN = frozenset({"url", "headers", "authorities"})
MAX_URLS = 16
MAX_SECRET = 16 * 1024
"""Bytes of a file with a URL or with headers; tokens of the kinds in use have a few thousand."""

MAX_HEADERS = 32
HEADER = re.compile(r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(?P<value>[\x21-\x7e][\x20-\x7e]*)")
"""A line of a header (RFC 9110, section 5), as it is written in HTTP."""

OURS = frozenset({"content-type", "content-length", "transfer-encoding", "connection", "host"})
"""Headers that belong to the request itself."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class LedgerAccess:
    """How to reach a ledger.

    Attributes:
        urls: http or https URLs of its nodes; the first that answers is asked, the others when it fails.
        headers: sent with each request.
        authorities: PEM file of the certificates that vouch for https; None for the well-known ones.
    """

    urls: tuple[str, ...] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    authorities: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.urls) <= MAX_URLS:
            raise LedgerConfigurationError(f"a ledger has 1 to {MAX_URLS} URLs, not {len(self.urls)}")
        for url in self.urls:
            _check(url, with_credentials=bool(self.headers))


def parse_access(setting: object, directory: Path) -> LedgerAccess:
    """The setting `ledger` of a configuration: a URL, or a table of `url` (one or a list) and the rest.

    Args:
        setting: As TOML has it.
        directory: Where relative paths start.

    Raises:
        LedgerConfigurationError: It is neither, or a file that it names cannot be used.
    """
    table: Mapping[str, Any] = setting if isinstance(setting, dict) else {"url": setting}
    unknown = sorted(table.keys() - KNOWN)
    if unknown:
        raise LedgerConfigurationError(
            f"unknown setting {unknown[0]!r} in 'ledger'; known are {', '.join(sorted(KNOWN))}"
        )
    urls = table.get("url")
    texts = [
        *(urls if isinstance(urls, list) else [urls]),
        table.get("headers", ""),
        table.get("authorities", ""),
    ]
    if not all(isinstance(text, str) for text in texts):
        raise LedgerConfigurationError(
            "'ledger' is a URL, or a table of url, headers and authorities, each a text in quotes"
        )
    *urls, headers, authorities = texts
    return LedgerAccess(
        tuple(secret(url, directory) for url in urls),
        parse_headers(secret(headers, directory)),
        directory / authorities if authorities else None,
    )


def shown(url: str) -> str:
    """A URL as it may be logged: what follows the host, and what stands before it, may be a key."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "?", f":{parts.port}" if parts.port else ""
    except ValueError:
        return "an ill-formed URL"
    host = f"[{host}]" if ":" in host else host
    rest = "/…" if parts.path.strip("/") or parts.query else ""
    return clean(f"{parts.scheme}://{host}{port}{rest}", 120)


def secret(text: str, directory: Path = Path()) -> str:
    """A setting that may name a file: its content for `file:` and `credential:`, else the text itself.

    Args:
        text: The setting.
        directory: Where relative paths start.

    Raises:
        LedgerConfigurationError: The file cannot be read, is too long, or is open to others.
    """
    kind, colon, name = text.partition(":")
    if not colon or kind not in ("file", "credential"):
        return text
    if kind == "file":
        return _read(directory / name, private=True)
    handed_over = os.environ.get("CREDENTIALS_DIRECTORY")
    if handed_over is None:
        raise LedgerConfigurationError(
            f"there is no credential {clean(name, 80)!r}: systemd hands it over by LoadCredential=, "
            "and this process was not started so; use file:PATH otherwise"
        )
    if "/" in name or name in ("", ".", ".."):
        raise LedgerConfigurationError(f"{clean(name, 80)!r} is no name of a credential")
    return _read(Path(handed_over) / name, private=False)  # in a directory that is ours alone


def parse_headers(text: str) -> Mapping[str, str]:
    """Headers out of lines like `Authorization: Bearer …`; empty lines and those with `#` first are left out.

    Raises:
        LedgerConfigurationError: A line is no header, or one that is not for the operator to set.
    """
    headers: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = HEADER.fullmatch(line.rstrip())
        if match is None or match["name"].lower() in OURS or len(headers) >= MAX_HEADERS:
            # The line itself is not shown, as it is a secret.
            raise LedgerConfigurationError(
                f"line {number} of the ledger's headers is none; write it like: Authorization: Bearer TOKEN"
            )
        headers[match["name"]] = match["value"]
    return MappingProxyType(headers)


def _read(path: Path, *, private: bool) -> str:
    try:
        with path.open("rb") as file:
            if private and os.fstat(file.fileno()).st_mode & 0o077:
                raise LedgerConfigurationError(f"other users can read {path}; run: chmod 600 {path}")
            content = file.read(MAX_SECRET + 1)
        text = content.decode()
    except OSError as error:
        raise LedgerConfigurationError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise LedgerConfigurationError(f"{path} is not text in UTF-8") from None
    if len(content) > MAX_SECRET:
        raise LedgerConfigurationError(f"{path} has more than {MAX_SECRET} bytes")
    return text.strip()


def _check(url: str, *, with_credentials: bool) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        # A text that is no URL is shown: it is a slip of the pen, not a key.
        raise LedgerConfigurationError(
            f"{clean(url, 120)!r} is not the URL of a ledger; write it like http://127.0.0.1:8545"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK and (with_credentials or parts.password):
        raise LedgerConfigurationError(
            f"{shown(url)} would get the credentials unencrypted: use https, or a tunnel to this machine"
        )
