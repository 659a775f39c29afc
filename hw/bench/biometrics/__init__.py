"""`ridgekey bench biometrics`: the kiosk's own enrolment and unlocking, measured on folders of real fingers.

    sets        which images, cut to which sensor
    protocol    what one finger's presses do to its own record and to all others, in processes
    counting    how likely a trial opens a record: acceptance and security from overlaps
    statistics  rates, intervals, D_sys
    attacks     the records attacked, by running the attacks
    report      a page; table and JSON are `cli`'s

Nothing of a single finger leaves here but its number in a list of the worst.
"""
