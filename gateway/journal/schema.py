"""The journal's tables; in `/*! */` what a database has besides that several gateways share."""

VERSION = 2

SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    kind INTEGER NOT NULL,
    subject BLOB NOT NULL,
    request BLOB,
    requester BLOB,
    kiosk BLOB,
    message BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    state TEXT NOT NULL,
    step INTEGER NOT NULL DEFAULT 0,
    steps INTEGER NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    receipt BLOB,
    answered INTEGER NOT NULL DEFAULT 0,  -- of a request: no longer open, as far as this gateway has seen
    due INTEGER NOT NULL DEFAULT 0,
    tries INTEGER NOT NULL DEFAULT 0,
    trouble TEXT NOT NULL DEFAULT '',
    shipment INTEGER,
    position INTEGER NOT NULL DEFAULT 0,
    tx BLOB,
    block INTEGER,
    received_at INTEGER NOT NULL
    /*!, owner INTEGER NOT NULL */
) STRICT;
CREATE INDEX IF NOT EXISTS entries_under_way ON entries (state, number)
    WHERE state NOT IN ('final', 'rejected');
CREATE INDEX IF NOT EXISTS entries_subject ON entries (subject, number)
    WHERE state NOT IN ('final', 'rejected');
CREATE INDEX IF NOT EXISTS entries_shipment ON entries (shipment) WHERE shipment IS NOT NULL;
CREATE INDEX IF NOT EXISTS entries_request ON entries (request, kind);
CREATE INDEX IF NOT EXISTS open_requests ON entries (subject) WHERE kind = 3 AND answered = 0;
CREATE TABLE IF NOT EXISTS shipments (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    sender BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    state TEXT NOT NULL,
    data BLOB NOT NULL,
    gas INTEGER NOT NULL,
    tx BLOB,
    block INTEGER,
    block_hash BLOB,
    cost INTEGER NOT NULL,
    signed_at INTEGER NOT NULL
    /*!, owner INTEGER NOT NULL */
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS shipments_under_way ON shipments (sender, nonce) WHERE state <> 'final';
CREATE INDEX IF NOT EXISTS shipments_spending ON shipments (sender, signed_at);
CREATE TABLE IF NOT EXISTS candidates (
    hash BLOB PRIMARY KEY,
    shipment INTEGER NOT NULL,
    raw BLOB NOT NULL,
    most INTEGER NOT NULL,
    tip INTEGER NOT NULL,
    signed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS candidates_shipment ON candidates (shipment);
CREATE TABLE IF NOT EXISTS rates (
    name BLOB PRIMARY KEY,
    earliest REAL NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS enrolments (
    subject BLOB NOT NULL,
    kiosk BLOB NOT NULL,
    PRIMARY KEY (subject, kiosk)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
/*!
CREATE TABLE gateways (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    relayer BLOB NOT NULL UNIQUE,
    alive_until TIMESTAMPTZ NOT NULL
) STRICT;
CREATE TABLE objects (commitment BLOB PRIMARY KEY, data BLOB NOT NULL) STRICT;
*/
"""
