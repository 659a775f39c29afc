"""What can go wrong between this project and a ledger, each with the exit code a person's shell sees."""

from gateway.errors import GatewayError


class LedgerError(GatewayError):
    """Base of the errors of the ledger node and of its clients."""


class LedgerUnreachableError(LedgerError):
    """Nothing answers at the address, or it stopped answering; trying again later may help."""

    exit_code = 69


class QuestionError(LedgerError):
    """The ledger answers, though not this question; others may fare better."""


class NotALedgerError(QuestionError):
    """Something answers at the address, but it does not speak the JSON-RPC of a ledger."""

    exit_code = 76


class TooFarBackError(QuestionError):
    """What is looked for may lie further back than it is looked for."""


class LedgerConfigurationError(LedgerError):
    """The ledger, its state directory or its address does not fit the configuration."""

    exit_code = 78


class NotOurContractError(LedgerConfigurationError):
    """The address holds no contract, another contract, or ours for another environment."""


class LedgerStorageError(LedgerError):
    """The ledger's own database cannot be read or written."""

    exit_code = 74


class BadMessageError(LedgerError):
    """An input file is not what it should be."""

    exit_code = 65


class NoSuchInputError(LedgerError):
    """An input file cannot be read."""

    exit_code = 66


class RpcError(QuestionError):
    """The ledger understood the request and refused it.

    Attributes:
        code: JSON-RPC error code (JSON-RPC 2.0, section 5.1; -32000 and below are the ledger's own).
        reason: The ledger's own words, shortened and cleaned.
        data: The `data` member of the error, if the ledger sent one.
    """

    def __init__(self, method: str, code: int, reason: str, data: object = None) -> None:
        super().__init__(f"the ledger refused {method}: {reason} (code {code})")
        self.code = code
        self.reason = reason
        self.data = data


class RevertedError(LedgerError):
    """The contract refused: its reason, in clear words, is the text of the error.

    Attributes:
        reason: The contract's own short reason; empty if it gave none.
    """

    def __init__(self, reason: str, text: str | None = None) -> None:
        super().__init__(text or reason or "the contract refused without a reason")
        self.reason = reason
