"""Contracts with a check less than ours: what is worth being called a test notices them."""

import json
import subprocess
from pathlib import Path

from contracts import compile as build

MUTANTS = {
    "no low s": ("    assert s <= HALF_ORDER", "    assert s <= max_value(uint256)"),
    "no signer": ("recovered != empty(address) and recovered == signer", "recovered != empty(address)"),
    "nobody signs": ("recovered != empty(address) and recovered == signer", "recovered == signer"),
    "no nonce": ("    assert used & bit == 0", "    assert used & bit != max_value(uint256)"),
    "one nonce a word": ("    bit: uint256 = 1 << (nonce & 255)", "    bit: uint256 = 1 << (nonce & 127)"),
    "no deadline": ("    assert block.timestamp <= convert(deadline, uint256)", "    assert deadline >= 0"),
    "deadline too early": (
        "    assert block.timestamp <= convert(deadline",
        "    assert block.timestamp < convert(deadline",
    ),
    "expiry too late": (
        "self._expiry_in(consent) <= block.timestamp:",
        "self._expiry_in(consent) < block.timestamp:",
    ),
    "longer than asked": ("    assert expiry <= r.expiry", "    assert expiry >= 0"),
    "purpose not signed": ("r.subject, id, r.purpose, expiry,", "r.subject, id, id, expiry,"),
    "every chain": ("    if chain.id == CHAIN_ID:", "    if chain.id != 0:"),
    "granted again": (
        'assert self.consents[id] & STATE_MASK == REQUESTED, "not requested"',
        'assert self.consents[id] & STATE_MASK != 0, "not requested"',
    ),
    "withdrawn unasked": (
        'assert consent & STATE_MASK == GRANTED, "not granted"\n    subject: address = self._close(WITHDRAW',
        'assert consent & STATE_MASK != 0, "not granted"\n    subject: address = self._close(WITHDRAW',
    ),
    "batch counts all": ("            taken |= 1 << position\n", "            taken |= 3 << position\n"),
    "batch stops": ("        if success:\n", "        if success and position < 4:\n"),
    "first key for good": ("    return key\n", "    return subject\n"),
    "nobody's key": (
        "    assert key != empty(address) and key != DEACTIVATED,",
        "    assert key != empty(address),",
    ),
    "anybody recovers": ("self._check_signed(guardian, id,", "self._check_signed(new_key, id,"),
    "recovers at once": (
        "    assert self.recoveries[subject].ready <= block.timestamp,",
        "    assert self.recoveries[subject].ready <= max_value(uint256),",
    ),
    "recovers without end": (
        "    assert self.recoveries[subject].ready == 0,",
        "    assert self.recoveries[subject].ready >= 0,",
    ),
    "entrusting ends nothing": (
        "    self.guardians[subject] = guardian\n    self.recoveries[subject] = empty(Recovery)\n",
        "    self.guardians[subject] = guardian\n",
    ),
    "contesting ends nothing": (
        "    self.recoveries[subject] = empty(Recovery)\n    log Contested",
        "    log Contested",
    ),
    "ended is recovered": ('    assert key != DEACTIVATED, "deactivated"\n', ""),
    "consents outlive it": (
        "    return self.keys[convert(consent >> SUBJECT_SHIFT, address)] != DEACTIVATED\n",
        "    return True\n",
    ),
    "granted for anything": ("self._is_valid(self._id_of(r))", "self._is_valid(r.record)"),
    "ended is asked": ("    self._key_of(r.subject)\n    assert block", "    assert block"),
    "recovers twice": ("    self.begun[id] = True\n", ""),
    "guardian voids": ("    self.begun[id] = True\n", "    self._use_nonce(subject, nonce)\n"),
    "first key voids": ("    self.begun[id] = True\n", "    self._use_nonce(guardian, nonce)\n"),
}
"""Weaker contracts: the text that is replaced, and by what."""


def weaker(mutant: str, compiler: Path, directory: Path) -> dict[str, object]:
    """The artifact of a weaker contract."""
    before, after = MUTANTS[mutant]
    source = build.SOURCE.read_text()
    assert source.count(before) == 1
    path = directory / f"weaker-{build.SOURCE.name}"
    path.write_text(source.replace(before, after))
    command = [compiler, "-f", "abi,bytecode", path]
    abi, bytecode = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {"abi": json.loads(abi), "bytecode": bytecode}
