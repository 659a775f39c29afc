"""Why an audit could not be made; what it finds wrong is no error but a finding."""

from gateway.errors import GatewayError


class AuditError(GatewayError):
    """Base of the errors of the audit."""


class HistoryFileError(AuditError):
    """An exported history that is damaged, altered or no history."""

    exit_code = 65


class NoSuchHistoryError(AuditError):
    """A file that cannot be read."""

    exit_code = 66


class ExportError(AuditError):
    """A file that cannot be written."""

    exit_code = 74
