"""What can go wrong in the gateway, the ledger node and the audit, as one line and an exit code."""


class GatewayError(Exception):
    """Base of every error of this package that is meant for a person.

    Its text is one clear line: what happened and what to do. `exit_code` follows sysexits(3) where it has a
    fitting number: 1 refused, 2 usage, 65 bad data, 66 no such input, 69 unavailable, 74 I/O, 76 protocol,
    78 configuration.
    """

    exit_code: int = 1


class WrongUseError(GatewayError):
    """The arguments cannot be followed."""

    exit_code = 2
