-- What the owner of the tables runs once, so that a role that can only read and
-- replicate is able to follow them. A row that is deleted, or moved to another parent,
-- has to say whose it was: its whole old row goes into the log.
ALTER TABLE addresses        REPLICA IDENTITY FULL;
ALTER TABLE product_variants REPLICA IDENTITY FULL;
ALTER TABLE order_lines      REPLICA IDENTITY FULL;
ALTER TABLE payments         REPLICA IDENTITY FULL;
ALTER TABLE ticket_messages  REPLICA IDENTITY FULL;
ALTER TABLE returns          REPLICA IDENTITY FULL;
ALTER TABLE return_lines     REPLICA IDENTITY FULL;

CREATE PUBLICATION tienda_migration FOR TABLE
    staff, customers, customer_preferences, addresses,
    categories, products, product_variants, inventory,
    orders, order_lines, payments,
    tickets, ticket_messages, returns, return_lines
    WITH (publish_via_partition_root = true); -- a table that is split one day keeps its name
