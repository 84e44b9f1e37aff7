package checker

// DVDStore is DVD Store 3, whose categories' names are words. A line has no price of its
// own, and a film is a SKU.
func DVDStore() Source {
	return Source{
		days: `SELECT min(orderdate)::text, max(orderdate)::text FROM orders`,
		queries: []query{
			{category, `SELECT lower(trim(categoryname)), trim(categoryname) AS name FROM categories`},
			{variant, `
				SELECT 'DVD-' || prod_id, trim(title) AS name, (price * 100)::bigint || ' USD' AS prices FROM products`},
			{onSale, `SELECT 'all', count(*)::text AS total FROM products`},
			{stock, `SELECT 'DVD-' || prod_id, quan_in_stock::text AS on_hand FROM inventory`},
			{account, `
				SELECT lower(trim(email)), 'users:' || customerid AS row_id, concat_ws(' ', trim(firstname), trim(lastname)) AS name,
					'customer' AS roles, 'false' AS disabled
				FROM customers`},
			{order, `
				SELECT orderid::text, 'orders:' || orderid AS row_id, 'users:' || customerid AS customer_id, lower(trim(c.email)) AS email, 'delivered' AS status,
					(netamount * 100)::bigint || ' USD' AS goods, (tax * 100)::bigint || ' USD' AS tax, (totalamount * 100)::bigint || ' USD' AS total,
					(totalamount * 100)::bigint || ' USD' AS paid, '0 USD' AS due, '0 USD' AS refunded, 'card' AS method, 'paid' AS payment,
					to_char(orderdate::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
				FROM orders JOIN customers c USING (customerid)`},
			{orderLine, `
				SELECT l.orderid || ' DVD-' || l.prod_id, 'products:' || l.prod_id AS product_id, min(trim(p.title)) AS name,
					sum(l.quantity)::text AS quantity, (min(p.price) * 100)::bigint || ' USD' AS unit_price,
					(sum(l.quantity * p.price) * 100)::bigint || ' USD' AS total
				FROM orderlines l JOIN products p USING (prod_id) GROUP BY l.orderid, l.prod_id`},
		},
	}
}

// Northwind is Northwind for PostgreSQL. Prices are of type real: their shortest decimals
// are what people meant. An order costs its lines, each rounded to the cent, and freight.
func Northwind() Source {
	const sold = `round(d.unit_price::text::numeric * d.quantity * (1 - d.discount::text::numeric), 2)`
	return Source{
		days: `SELECT min(order_date)::text, max(order_date)::text FROM orders`,
		queries: []query{
			{variant, `
				SELECT 'NW-' || product_id, product_name AS name, (round(unit_price::text::numeric, 2) * 100)::bigint || ' USD' AS prices FROM products`},
			{onSale, `SELECT 'all', count(*)::text AS total FROM products WHERE discontinued = 0`},
			{stock, `SELECT 'NW-' || product_id, units_in_stock::text AS on_hand FROM products`},
			{account, `
				SELECT lower(customer_id) || '@northwind.invalid', 'users:' || customer_id AS row_id, contact_name AS name, 'customer' AS roles,
					'false' AS disabled
				FROM customers`},
			{order, `
				SELECT o.order_id::text, 'orders:' || o.order_id AS row_id, 'users:' || o.customer_id AS customer_id,
					CASE WHEN o.shipped_date IS NULL THEN 'confirmed' ELSE 'shipped' END AS status,
					(sum(` + sold + `) * 100)::bigint || ' USD' AS goods, (round(o.freight::text::numeric, 2) * 100)::bigint || ' USD' AS shipping,
					((sum(` + sold + `) + round(o.freight::text::numeric, 2)) * 100)::bigint || ' USD' AS total,
					'Shipped by ' || s.company_name AS note,
					to_char(o.order_date::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at,
					to_char(o.shipped_date::timestamp, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS shipped_at
				FROM orders o JOIN order_details d USING (order_id) JOIN shippers s ON s.shipper_id = o.ship_via
				GROUP BY o.order_id, s.company_name`},
			{orderLine, `
				SELECT d.order_id || ' NW-' || d.product_id, 'products:' || d.product_id AS product_id, p.product_name AS name, d.quantity::text AS quantity,
					(round(d.unit_price::text::numeric, 2) * 100)::bigint || ' USD' AS unit_price, (` + sold + ` * 100)::bigint || ' USD' AS total
				FROM order_details d JOIN products p USING (product_id)`},
		},
	}
}
