"""The tables of a phone's file. A change is added at the end, so that an older file is brought along."""

SCHEMAS = (
    """
CREATE TABLE kiosks (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    kiosk_id    BLOB NOT NULL,
    kiosk_key   BLOB NOT NULL,
    phone_key   BLOB NOT NULL,        -- X25519 seed, of this pairing alone
    subject     BLOB NOT NULL,
    environment TEXT NOT NULL,
    chain_id    BLOB NOT NULL,        -- may take 64 bits
    contract    BLOB NOT NULL,
    gateway_key BLOB NOT NULL,
    gateway_url TEXT NOT NULL,
    UNIQUE (kiosk_id, subject)
);
CREATE TABLE requests (
    request     BLOB PRIMARY KEY,
    kiosk       INTEGER NOT NULL REFERENCES kiosks ON DELETE CASCADE,
    signed      BLOB NOT NULL,
    name        TEXT NOT NULL,        -- of the requester, by the kiosk's directory
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    sequence    INTEGER NOT NULL
);
CREATE TABLE receipts (
    digest      BLOB PRIMARY KEY,
    kiosk       INTEGER NOT NULL REFERENCES kiosks ON DELETE CASCADE,
    act         TEXT NOT NULL,
    about       BLOB NOT NULL,
    receipt     BLOB NOT NULL,
    sequence    INTEGER NOT NULL
);
CREATE TABLE records (
    subject     BLOB PRIMARY KEY,
    sealed      BLOB NOT NULL
) WITHOUT ROWID;
""",
    """
ALTER TABLE requests RENAME TO requests_before;
ALTER TABLE receipts RENAME TO receipts_before;
CREATE TABLE requests (
    request     BLOB NOT NULL,
    kiosk       INTEGER NOT NULL REFERENCES kiosks ON DELETE CASCADE,
    signed      BLOB NOT NULL,
    name        TEXT NOT NULL,        -- of the requester; this, kind and state by that kiosk's word alone
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (kiosk, request)
);
CREATE TABLE receipts (
    digest      BLOB NOT NULL,
    kiosk       INTEGER NOT NULL REFERENCES kiosks ON DELETE CASCADE,
    act         TEXT NOT NULL,        -- this and about by that kiosk's word alone
    about       BLOB NOT NULL,
    receipt     BLOB NOT NULL,
    sequence    INTEGER NOT NULL,
    PRIMARY KEY (kiosk, digest)
);
INSERT INTO requests SELECT request, kiosk, signed, name, kind, state, sequence FROM requests_before;
INSERT INTO receipts SELECT digest, kiosk, act, about, receipt, sequence FROM receipts_before;
DROP TABLE requests_before;
DROP TABLE receipts_before;
""",
)
