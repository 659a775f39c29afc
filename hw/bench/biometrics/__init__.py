"""`ridgekey bench biometrics`: the kiosk's own enrolment and unlocking, measured on folders of real fingers.

    sets        which images, cut to which sensor
    protocol    what one finger's presses do to its own record and to all others, in processes
    fingers     one finger's presses read, some of them enrolled, several times over
    counting    how likely a trial opens a record: acceptance and security from overlaps
    statistics  rates, intervals, D_sys
    attacks     the records attacked, by running the attacks
    pairs       two fingers in one record
    presenting  the quality gate, and made-up presentations
    peers       what others have published, on the same presses
    summary     all that was seen, as figures
    tables      figures for a person; `page` draws them, `markdown` prints the tables of the docs

Nothing of a single finger leaves here but its number in a list of the worst.
"""
