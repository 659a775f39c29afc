"""What others have published, on the same minutiae and in the same run.

    prealignment      a finger's own coordinates out of its ridge flow
    thimble           the fuzzy vault of THIMBLE with its parameters
    package           the PyPI package fuzzy-extractor, in an interpreter of its own
    side_by_side      their figures by the names of ours

All code is ours; of the others only published parameters are taken, and the package is run as it is.
"""
