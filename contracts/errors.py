"""Errors of the formats: one line for the person, an exit code for the shell."""


class ContractError(Exception):
    """Base of everything that `contracts` raises on purpose; its text is one line that may be shown."""

    exit_code: int = 65
    """As sysexits' EX_DATAERR: the input was incorrect in some way."""


class MalformedError(ContractError):
    """Bytes, or a field, that do not have the form their definition asks for."""


class UnsupportedVersionError(ContractError):
    """A well-formed message of a version that this release does not speak."""


class VerificationError(ContractError):
    """A signature, commitment or seal that does not hold."""

    exit_code = 1
