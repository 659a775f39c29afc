"""One good press: the finger down, its image read and judged, and asked for again where it is too weak."""

from drivers.image import FingerImage
from edge.biometrics import quality
from edge.biometrics.minutiae import Minutiae
from edge.biometrics.presentation import SAME_PLACE, Likeness
from edge.biometrics.quality import Quality, Reason
from edge.errors import WeakCaptureError
from edge.events import Captured, LiftFinger, PlaceFinger, QualityJudged, Transfer
from edge.journeys.visit import Visit

FINGER_SECONDS = 60.0
"""How long the kiosk waits for a finger before the journey ends: time to find one's glasses."""

LIFT_SECONDS = 30.0
"""How long it waits for the finger to leave."""

WEAK_LIMIT = 5
"""Weak presses in a row before the journey ends with the advice to try another finger."""


def good_press(visit: Visit, press: int, of: int) -> Minutiae:
    """The minutiae of a press that passes the quality gate; the caller wipes them.

    Args:
        visit: the errand.
        press: number of this press, for the person's screen.
        of: at most how many there will be.

    Raises:
        WeakCaptureError: `WEAK_LIMIT` presses in a row were too weak; it names the last one's reasons.
        CancelledError: the person left.
        SensorError: the sensor failed, or no finger came.
    """
    for _ in range(WEAK_LIMIT):
        minutiae, judged = _press(visit, press, of)
        if judged.acceptable:
            return minutiae
        minutiae.wipe()
    advice = "; ".join(judged.hints)
    raise WeakCaptureError(f"{WEAK_LIMIT} presses in a row were too weak to judge: {advice}")


def _press(visit: Visit, press: int, of: int) -> tuple[Minutiae, QualityJudged]:
    """One press, weak or not; it counts only from a lifted finger, so a resting finger never signs twice."""
    visit.check_cancelled()
    sensor = visit.desk.sensor
    if not sensor.wait_lifted(LIFT_SECONDS, visit.cancelled):
        raise WeakCaptureError(
            "the finger was never lifted; lift it, wipe the sensor's glass and start again"
        )
    visit.check_cancelled()  # a finger that comes at once is taken without another look
    visit.report(PlaceFinger(press, of))
    with sensor.capture(
        progress=lambda done, total: visit.report(Transfer(done, total)),
        finger_timeout=FINGER_SECONDS,
        cancelled=visit.cancelled,
    ) as image:
        seconds = image.transfer.seconds if image.transfer else 0.0
        visit.spent("capture", seconds)
        visit.report(Captured(image.width, image.height, seconds))
        visit.report(LiftFinger())
        with visit.timing("unlock"):
            minutiae = visit.desk.extractor.extract(image)
            judged = _judge(_presented(visit, image, quality.assess(image, minutiae)))
    visit.report(judged)
    return minutiae, judged


def _presented(visit: Visit, image: FingerImage, assessed: Quality) -> Quality:
    """The judgement, unless the image is one that came before, or what the last press left on the glass."""
    if not assessed.acceptable:
        return assessed
    likeness, seen = Likeness.of(image), visit.desk.seen
    residue = any(likeness.correlation(last) > SAME_PLACE for last in visit.last)
    visit.forget()
    visit.last.append(likeness)
    if seen is not None and seen.again(image):
        return Quality(assessed.score, (Reason.REPEATED,))
    return Quality(assessed.score, (Reason.RESIDUE,)) if residue else assessed


def _judge(assessed: quality.Quality) -> QualityJudged:
    return QualityJudged(
        assessed.score,
        assessed.acceptable,
        tuple(reason.name for reason in assessed.reasons),
        tuple(reason.sentence for reason in assessed.reasons),
    )
