"""Fingers for the bench: synthetic ones by seed, and folders of images."""

from hw.fingers.folder import ImageFolder
from hw.fingers.source import FingerSource, open_source
from hw.fingers.synthetic import SyntheticFingers

__all__ = ["FingerSource", "ImageFolder", "SyntheticFingers", "open_source"]
