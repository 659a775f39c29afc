from collections.abc import Buffer

def search(
    points: Buffer,
    bounds: Buffer,
    urns: Buffer,
    streams: Buffer,
    tags: Buffer,
    key: Buffer,
    k: int,
    first: int,
    last: int,
    cancel: Buffer,
    coefficients: Buffer,
    /,
) -> int: ...
