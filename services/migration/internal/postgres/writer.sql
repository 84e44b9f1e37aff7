-- What the migration has written back to this database: run once by the owner of the
-- tables, before the first cut-over. The role that writes needs SELECT, INSERT and UPDATE
-- on it; the role that only reads needs nothing. It goes with DROP TABLE after finish.
CREATE TABLE IF NOT EXISTS tienda_reverse (
    kind       text        NOT NULL, -- of the document: users
    id         uuid        NOT NULL, -- of the document
    source     text,                 -- of its row: customers:17; NULL: it has none
    name       text,                 -- of the mapping's entry: customers
    key        jsonb,                -- the key of its row: [17]
    version    bigint      NOT NULL, -- of the event that was written last
    made       boolean     NOT NULL DEFAULT false, -- made in the shop: keeps its ID
    deleted    boolean     NOT NULL DEFAULT false,
    written_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, id)
);
