package checker

// Texts of SQL that more than one source needs. A decimal becomes minor units; times
// without a zone are Madrid's.
const (
	utc    = ` AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
	madrid = ` AT TIME ZONE 'Europe/Madrid' AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`
)

// Sample is the sample monolith. Every column that is moved is compared, but for the
// ticket of a return, which no public route shows.
func Sample() Source {
	return Source{
		days:  `SELECT coalesce(min(placed_at), now())::date::text, coalesce(max(placed_at), now())::date::text FROM orders`,
		staff: true,
		queries: []query{
			{category, `
				SELECT c.slug, c.title AS name, p.slug AS parent, c.sort_order::text AS position
				FROM categories c LEFT JOIN categories p ON p.id = c.parent_id`},
			{product, `
				SELECT p.slug, 'products:' || p.id AS row_id, p.lang AS language, p.title AS name, p.long_text AS description, c.slug AS category,
					CASE p.tax_class WHEN 1 THEN 'standard' WHEN 2 THEN 'reduced' WHEN 3 THEN 'super-reduced' END AS tax_class,
					CASE WHEN p.active THEN 'published' ELSE 'archived' END AS status, p.image_url AS images, p.brand
				FROM products p JOIN categories c ON c.id = p.category_id`},
			{variant, `
				SELECT v.sku, p.slug AS product, row_number() OVER (PARTITION BY p.id ORDER BY v.sort_order, v.id)::text AS place,
					coalesce(nullif(concat_ws(' / ', nullif(v.color, ''), nullif(v.size, '')), ''), p.title) AS name,
					v.barcode, nullif(round(v.weight * 1000), 0)::bigint::text AS weight, v.color, v.size,
					(v.price * 100)::bigint || ' EUR' AS prices
				FROM product_variants v JOIN products p ON p.id = v.product_id`},
			{onSale, `SELECT 'all', count(*)::text AS total FROM products WHERE active`},
			{stock, `SELECT v.sku, i.quantity::text AS on_hand FROM inventory i JOIN product_variants v ON v.id = i.variant_id`},
			{threshold, `
				SELECT v.sku, i.reorder_at::text AS low_at
				FROM inventory i JOIN product_variants v ON v.id = i.variant_id WHERE i.reorder_at IS NOT NULL`},
			{account, `
				SELECT lower(trim(email)), 'customers:' || id AS row_id, trim(full_name) AS name, 'customer' AS roles, blocked::text AS disabled
				FROM customers
				UNION ALL
				SELECT lower(trim(email)), 'staff:' || id, trim(full_name),
					CASE role WHEN 'admin' THEN 'admin customer' WHEN 'catalogue' THEN 'catalog_manager customer' ELSE 'customer support_agent' END,
					(NOT active)::text
				FROM staff`},
			{profile, `
				SELECT lower(trim(c.email)), CASE WHEN c.blocked THEN 'account_disabled' ELSE 'yes' END AS sign_in,
					CASE WHEN NOT c.blocked THEN coalesce(p.currency, 'EUR') END AS currency,
					CASE WHEN NOT c.blocked THEN coalesce(p.lang, 'en') END AS language,
					CASE WHEN NOT c.blocked THEN coalesce(p.newsletter = 'S', false)::text END AS marketing,
					CASE WHEN NOT c.blocked THEN to_char(c.created_at` + madrid + ` END AS created_at
				FROM customers c LEFT JOIN customer_preferences p ON p.customer_id = c.id`},
			{address, `
				SELECT lower(trim(c.email)), a.recipient AS name, a.street AS line1, a.street2 AS line2, a.city, a.region, a.zip AS postal_code,
					a.country, a.phone, (row_number() OVER (PARTITION BY c.id ORDER BY a.is_default DESC, a.id) = 1)::text AS default
				FROM addresses a JOIN customers c ON c.id = a.customer_id WHERE NOT c.blocked`},
			{order, `
				SELECT o.number, 'orders:' || o.id AS row_id, 'customers:' || o.customer_id AS customer_id, (o.customer_id IS NULL)::text AS guest,
					lower(trim(o.email)) AS email, o.lang AS language, o.currency, o.note, o.tracking,
					CASE o.status WHEN 10 THEN 'confirmed' WHEN 15 THEN 'confirmed' WHEN 20 THEN 'shipped' WHEN 30 THEN 'delivered' WHEN 90 THEN 'cancelled' END AS status,
					(SELECT count(DISTINCT l.sku) FROM order_lines l WHERE l.order_id = o.id)::text AS lines,
					(o.goods * 100)::bigint || ' ' || o.currency AS goods, (o.discount * 100)::bigint || ' ' || o.currency AS discount,
					(o.shipping * 100)::bigint || ' ' || o.currency AS shipping, (o.tax * 100)::bigint || ' ' || o.currency AS tax,
					(o.gross * 100)::bigint || ' ' || o.currency AS total, 'true' AS tax_included,
					CASE p.method WHEN 'CARD' THEN 'card' WHEN 'TRANSFER' THEN 'invoice' WHEN 'COD' THEN 'cash_on_delivery' END AS method,
					lower(p.state) AS payment, (p.paid * 100)::bigint || ' ' || o.currency AS paid,
					(p.refunded * 100)::bigint || ' ' || o.currency AS refunded, p.provider_ref AS reference,
					(CASE WHEN p.state = 'DUE' AND o.status <> 90 THEN (o.gross - p.paid) * 100 ELSE 0 END)::bigint || ' ' || o.currency AS due,
					concat_ws(' | ', coalesce(o.ship_name, '-'), coalesce(o.ship_street, '-'), coalesce(o.ship_street2, ''), coalesce(o.ship_city, '-'),
						coalesce(o.ship_region, ''), coalesce(o.ship_zip, '-'), coalesce(o.ship_country, 'ZZ'), coalesce(o.ship_phone, '')) AS address,
					to_char(o.placed_at` + utc + ` AS created_at, to_char(o.shipped_at` + utc + ` AS shipped_at,
					to_char(o.delivered_at` + utc + ` AS delivered_at, to_char(o.cancelled_at` + utc + ` AS cancelled_at
				FROM orders o JOIN payments p ON p.order_id = o.id`},
			// The shop shows what was bought of a SKU in one line.
			{orderLine, `
				SELECT o.number || ' ' || l.sku, 'products:' || min(l.product_id) AS product_id, min(l.title) AS name, min(l.variant) AS variant,
					sum(l.qty)::text AS quantity, (min(l.unit_price) * 100)::bigint || ' ' || o.currency AS unit_price,
					(sum(l.line_total) * 100)::bigint || ' ' || o.currency AS total
				FROM order_lines l JOIN orders o ON o.id = l.order_id GROUP BY o.id, l.sku`},
			{ticket, `
				SELECT 'tickets:' || t.id, 'customers:' || t.customer_id AS customer_id, 'orders:' || t.order_id AS order_id, t.subject,
					CASE t.topic WHEN 'pedido' THEN 'order' WHEN 'producto' THEN 'product' WHEN 'cuenta' THEN 'account' ELSE 'other' END AS category,
					(ARRAY['urgent', 'high', 'normal', 'low'])[t.priority] AS priority, t.state AS status,
					(SELECT count(*) FROM ticket_messages m WHERE m.ticket_id = t.id)::text AS messages,
					to_char(t.created_at` + madrid + ` AS created_at, to_char(t.closed_at` + madrid + ` AS closed_at
				FROM tickets t`},
			{message, `
				SELECT 'tickets:' || m.ticket_id || ' ' || row_number() OVER (PARTITION BY m.ticket_id ORDER BY m.created_at, m.id),
					CASE m.author WHEN 'C' THEN 'customer' ELSE 'agent' END AS author,
					CASE WHEN m.staff_id IS NOT NULL THEN 'staff:' || m.staff_id WHEN m.author = 'C' THEN 'customers:' || t.customer_id END AS author_id,
					m.body AS text, m.internal::text, to_char(m.created_at` + madrid + ` AS created_at
				FROM ticket_messages m JOIN tickets t ON t.id = m.ticket_id`},
			{returned, `
				SELECT 'returns:' || r.id, 'orders:' || r.order_id AS order_id, 'customers:' || r.customer_id AS customer_id,
					CASE r.state WHEN 'asked' THEN 'requested' ELSE r.state END AS status,
					(r.refund * 100)::bigint || ' ' || o.currency AS refund, to_char(r.created_at` + utc + ` AS created_at
				FROM returns r JOIN orders o ON o.id = r.order_id`},
			{returnLine, `
				SELECT 'returns:' || return_id || ' ' || sku, qty::text AS quantity,
					CASE reason WHEN 'roto' THEN 'damaged' WHEN 'equivocado' THEN 'wrong_item' WHEN 'no_lo_quiero' THEN 'unwanted' ELSE 'other' END AS reason
				FROM return_lines`},
		},
	}
}
