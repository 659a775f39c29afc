"""A simulated EF01 fingerprint sensor (R307, R503) on a pseudo-terminal.

From the inside out: `packets` and `opcodes` are the protocol's words, `profiles` what each model is, `state`,
`commands` and `module` the sensor without any input or output, `line` and `terminal` the serial line, `wire`
the timing on it, `glass` the finger, `control` and `remote` the two ends of the socket that moves the finger,
`process` all of them together.
"""
