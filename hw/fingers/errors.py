"""What can be wrong with a folder of fingers."""

from pathlib import Path

from hw.errors import BenchError


class NoSuchFingerError(BenchError):
    """The folder, the finger or the impression asked for does not exist."""

    exit_code = 66


class BadFolderError(BenchError):
    """The folder holds something that is not a usable image of a finger."""

    exit_code = 65


class BadImageError(BadFolderError):
    """One image cannot be used; the others of its folder may be.

    Attributes:
        file: the image.
        what: is wrong with it, as the words after its name: "is damaged".
        advice: what to do.
    """

    def __init__(self, file: Path, what: str, advice: str = "replace or remove it") -> None:
        """Of a file; the three are also the exception's arguments, so that it can leave a process."""
        super().__init__(file, what, advice)
        self.file, self.what, self.advice = file, what, advice

    def __str__(self) -> str:
        """One line for a person."""
        return f"{self.file} {self.what}; {self.advice}"
