-- What the owner of the tables runs once, before the first cut-over, so that the role
-- "reverse" can write back what happens in the new shop. It reads no card and no password.

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

GRANT SELECT, INSERT, UPDATE ON tienda_reverse TO reverse;

GRANT SELECT, INSERT, UPDATE, DELETE ON
    categories, products, product_variants, inventory, customer_preferences,
    order_lines, tickets, returns
    TO reverse;

GRANT SELECT, INSERT, UPDATE ON orders TO reverse;

GRANT SELECT, INSERT, DELETE ON addresses, ticket_messages, return_lines TO reverse;

GRANT SELECT (id, email), DELETE,
    INSERT (email, full_name, pass_format, pass_hash, blocked, created_at),
    UPDATE (email, full_name, phone, pass_format, pass_hash, pass_salt, blocked, last_seen)
    ON customers TO reverse;

GRANT SELECT (id, email, role), DELETE,
    INSERT (email, full_name, role, pass_hash, active),
    UPDATE (email, full_name, role, pass_hash, active)
    ON staff TO reverse;

GRANT SELECT (order_id, method, state, amount, paid, refunded, provider_ref),
    INSERT (order_id, method, state, amount, paid, refunded, provider_ref),
    UPDATE (method, state, amount, paid, refunded, provider_ref, updated_at)
    ON payments TO reverse;
