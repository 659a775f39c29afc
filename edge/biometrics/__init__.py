"""From an image of a finger to a root secret, by way of a record that does not give the finger away.

    image   minutiae (LEADER) -> quality gate
    enrol   presses -> aligned and averaged -> features in the frames of reference minutiae -> vaults, record
    unlock  record and press -> features in every possible frame -> decoder -> root secret

Everything between the image and the record is a pure function of its arguments, but for the randomness of
enrolment.
"""

from edge.biometrics.enrolment import Enrolment, EnrolmentError, enrol
from edge.biometrics.minutiae import Minutiae, MinutiaExtractor, WeightsError
from edge.biometrics.protected_record import ProtectedRecord, RecordError
from edge.biometrics.quality import Quality, Reason, assess
from edge.biometrics.unlocking import unlock

__all__ = [
    "Enrolment",
    "EnrolmentError",
    "MinutiaExtractor",
    "Minutiae",
    "ProtectedRecord",
    "Quality",
    "Reason",
    "RecordError",
    "WeightsError",
    "assess",
    "enrol",
    "unlock",
]
