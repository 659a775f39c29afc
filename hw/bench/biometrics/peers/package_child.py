"""Runs in an interpreter that has the package fuzzy-extractor; asked and answers in JSON, line by line.

The package is used as it is, with two stand-ins for what it calls and present-day installs lack:
`fastpbkdf2.pbkdf2_hmac`, whose compiled part is not built by pip any more, is hashlib's; and
`numpy.fromstring`, whose binary mode NumPy 2.3 removed, is `numpy.frombuffer`. Both compute the same.
"""

import hashlib
import json
import sys
import types

import numpy as np

FROMSTRING = "fromstring"


def prepare() -> list[str]:
    """Put the stand-ins where they are needed; tells which."""
    replaced = []
    try:
        import fastpbkdf2  # type: ignore[import-not-found]  # noqa: F401  # only whether it can be loaded
    except ImportError:
        module = types.ModuleType("fastpbkdf2")
        module.pbkdf2_hmac = hashlib.pbkdf2_hmac  # type: ignore[attr-defined]  # a module made here
        sys.modules["fastpbkdf2"] = module
        replaced.append("fastpbkdf2")
    try:
        getattr(np, FROMSTRING)(b"\0", dtype=np.uint8)
    except (ValueError, TypeError, AttributeError):
        setattr(np, FROMSTRING, lambda data, dtype: np.frombuffer(data, dtype).copy())
        replaced.append(f"numpy.{FROMSTRING}")
    return replaced


def main() -> None:
    """Say hello, then answer: each line names a value to enrol and values to reproduce its key from."""
    replaced = prepare()
    import fuzzy_extractor  # type: ignore[import-not-found]  # it is here and nowhere else

    hello, *asked = (json.loads(line) for line in sys.stdin)
    extractor = fuzzy_extractor.FuzzyExtractor(hello["bytes"], hello["errors"])
    answer = {
        "version": fuzzy_extractor.__version__,
        "numpy": np.__version__,
        "helpers": extractor.num_helpers,
        "replaced": replaced,
    }
    print(json.dumps(answer), flush=True)
    for one in asked:
        key, helpers = extractor.generate(bytes.fromhex(one["enrol"]))
        reproduced = [extractor.reproduce(bytes.fromhex(each), helpers) == key for each in one["try"]]
        print(
            json.dumps({"reproduced": reproduced, "bytes": sum(part.nbytes for part in helpers)}), flush=True
        )


if __name__ == "__main__":
    main()
