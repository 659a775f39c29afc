"""A simulated EF01 fingerprint sensor (R307, R503 and kin) on a pseudo-terminal, and its bad days.

From the inside out: `packets` and `opcodes` are the protocol's words, `profiles` what each model is, `state`,
`commands` and `module` the sensor without any input or output, `sends` what leaves it, `faults` the table of
all that can befall it; `line` and `terminal` the serial line, `wire` the timing on it, `glass` the finger;
`control` and `remote` the two ends of the socket that moves the finger and sets the faults, `scenario` the
same from a file, `process` all of them together. The README shows how to use it.
"""
