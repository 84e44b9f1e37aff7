package generator_test

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/schema"
)

func fill(t *testing.T, o generator.Options) (*pgx.Conn, generator.Report) {
	t.Helper()
	conn := localtest.Connect(t, localtest.Open(t).OwnerDSN)
	report, err := generator.Fill(t.Context(), conn, o)
	require.NoError(t, err)
	return conn, report
}

// refill has the same database hold other rows instead.
func refill(t *testing.T, conn *pgx.Conn, o generator.Options) generator.Report {
	t.Helper()
	_, err := conn.Exec(t.Context(), "TRUNCATE "+strings.Join(append(schema.Mapped(), schema.Dropped()...), ", ")+" RESTART IDENTITY")
	require.NoError(t, err)
	report, err := generator.Fill(t.Context(), conn, o)
	require.NoError(t, err)
	return report
}

func sums(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	all, err := generator.Checksums(t.Context(), conn)
	require.NoError(t, err)
	return all
}

func count(t *testing.T, conn *pgx.Conn, query string) (n int) {
	t.Helper()
	require.NoError(t, conn.QueryRow(t.Context(), query).Scan(&n), query)
	return n
}

// The same size and seed give the same rows; another seed others.
func TestTheSameSeedGivesTheSameRows(t *testing.T) {
	localtest.Needs(t)
	conn, report := fill(t, generator.Options{Size: 200, Seed: 7})
	want := sums(t, conn)
	refill(t, conn, generator.Options{Size: 200, Seed: 8})
	for table, sum := range sums(t, conn) {
		if table != "categories" && table != "staff" && table != "request_keys" { // these follow from nothing
			require.NotEqual(t, want[table], sum, table)
		}
	}
	require.Equal(t, report, refill(t, conn, generator.Options{Size: 200, Seed: 7}))
	require.Equal(t, want, sums(t, conn))

	// One changed letter changes the sum.
	_, err := conn.Exec(t.Context(), "UPDATE orders SET note = 'x' WHERE id = 5")
	require.NoError(t, err)
	require.NotEqual(t, want["orders"], sums(t, conn)["orders"])

	filled, err := generator.Filled(t.Context(), conn)
	require.NoError(t, err)
	require.True(t, filled)
	_, err = generator.Fill(t.Context(), conn, generator.Options{Size: 200, Seed: 7})
	require.ErrorContains(t, err, "rows of staff", "only empty tables are filled")
}

func TestWhatIsInTheRows(t *testing.T) {
	localtest.Needs(t)
	const size = 300
	conn, report := fill(t, generator.Options{Size: size, Seed: 1})
	require.Empty(t, report.Rejected)
	for table, n := range report.Rows {
		require.Equal(t, n, int64(count(t, conn, "SELECT count(*) FROM "+table)), table)
	}
	counted, err := generator.Count(t.Context(), conn)
	require.NoError(t, err)
	require.Zero(t, counted["request_keys"])
	delete(counted, "request_keys")
	require.Equal(t, counted, report.Rows)
	require.Len(t, report.Rows, len(schema.Mapped())+len(schema.Dropped())-1, "all but request_keys, which the shop writes")
	require.EqualValues(t, size, report.Rows["customers"])
	require.EqualValues(t, 4*size, report.Rows["orders"])
	require.InDelta(t, 2*size, report.Rows["product_variants"], size/4)

	// Each oddity that the mapping has to cope with is there, and each kind of row.
	for what, query := range map[string]string{
		"totals that the lines do not add up to":  "SELECT count(*) FROM orders o WHERE goods <> (SELECT sum(line_total) FROM order_lines l WHERE l.order_id = o.id)",
		"charged less than the totals add up to":  "SELECT count(*) FROM orders WHERE gross <> goods - discount + shipping",
		"lines cheaper than quantity times price": "SELECT count(*) FROM order_lines WHERE line_total <> qty * unit_price",
		"e-mails in capitals":                     "SELECT count(*) FROM customers WHERE email = upper(email)",
		"guests":                                  "SELECT count(*) FROM orders WHERE customer_id IS NULL",
		"fetched in the shop":                     "SELECT count(*) FROM orders WHERE ship_name IS NULL",
		"pounds":                                  "SELECT count(*) FROM orders WHERE currency = 'GBP'",
		"packed":                                  "SELECT count(*) FROM orders WHERE status = 15",
		"cancelled and refunded":                  "SELECT count(*) FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.status = 90 AND p.state = 'REFUNDED' AND refunded = gross",
		"delivered and never paid":                "SELECT count(*) FROM orders o JOIN payments p ON p.order_id = o.id WHERE o.status = 30 AND p.state = 'DUE'",
		"no address":                              "SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM addresses a WHERE a.customer_id = c.id)",
		"no preferences":                          "SELECT count(*) FROM customers c WHERE NOT EXISTS (SELECT FROM customer_preferences p WHERE p.customer_id = c.id)",
		"blocked":                                 "SELECT count(*) FROM customers WHERE blocked",
		"English":                                 "SELECT count(*) FROM products WHERE lang = 'en'",
		"no text":                                 "SELECT count(*) FROM products WHERE long_text IS NULL",
		"no category in English":                  "SELECT count(*) FROM categories WHERE title_en IS NULL",
		"sold out":                                "SELECT count(*) FROM inventory WHERE quantity = 0",
		"internal messages":                       "SELECT count(*) FROM ticket_messages WHERE internal",
		"tickets without an order":                "SELECT count(*) FROM tickets WHERE order_id IS NULL",
		"partly refunded":                         "SELECT count(*) FROM payments WHERE refunded > 0 AND refunded < paid",
		"card numbers":                            "SELECT count(*) FROM payments WHERE card_number IS NOT NULL",
		"generated column":                        "SELECT count(*) FROM product_variants WHERE price_cents = price * 100",
	} {
		require.Positive(t, count(t, conn, query), what)
	}
	// And what must not be.
	for what, query := range map[string]string{
		"e-mails without @":                 "SELECT count(*) FROM customers WHERE email NOT LIKE '%_@_%'",
		"e-mails twice":                     "SELECT count(*) - count(DISTINCT email_lower) FROM customers",
		"orders without lines":              "SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT FROM order_lines l WHERE l.order_id = o.id)",
		"orders without a payment":          "SELECT count(*) FROM orders o WHERE NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id)",
		"net and tax that are not gross":    "SELECT count(*) FROM orders WHERE net + tax <> gross",
		"other people's tickets and orders": "SELECT count(*) FROM tickets t JOIN orders o ON o.id = t.order_id WHERE o.customer_id IS DISTINCT FROM t.customer_id",
		"other people's returns":            "SELECT count(*) FROM returns r JOIN orders o ON o.id = r.order_id WHERE o.customer_id IS DISTINCT FROM r.customer_id",
		"more returned than bought":         "SELECT count(*) FROM return_lines r JOIN order_lines l ON l.id = r.order_line_id WHERE r.qty > l.qty OR r.sku <> l.sku",
		"equal variants":                    "SELECT count(*) - count(DISTINCT (product_id, color, size)) FROM product_variants",
		"bad slugs":                         "SELECT count(*) FROM products WHERE slug !~ '^[a-z0-9]+(-[a-z0-9]+)*$'",
		"sold of the unsold":                "SELECT count(*) FROM order_lines WHERE product_id % 10 = 0",
		"more refunded than paid":           "SELECT count(*) FROM payments WHERE refunded > paid OR paid > amount",
	} {
		require.Zero(t, count(t, conn, query), what)
	}
	// The shop goes on behind what was generated.
	var next int64
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT nextval(pg_get_serial_sequence('orders', 'id'))").Scan(&next))
	require.EqualValues(t, 4*size+1, next)
}

func TestPasswords(t *testing.T) {
	localtest.Needs(t)
	conn, _ := fill(t, generator.Options{Size: 40, Seed: 3})
	rows, err := conn.Query(t.Context(), `SELECT id, pass_format, pass_hash, coalesce(pass_salt, '') FROM customers
		UNION ALL SELECT id, 'bcrypt', pass_hash, '' FROM staff`)
	require.NoError(t, err)
	formats := map[string]int{}
	for rows.Next() {
		var id int64
		var format, hash, salt string
		require.NoError(t, rows.Scan(&id, &format, &hash, &salt))
		formats[format]++
		word := generator.Password(id)
		switch format {
		case "bcrypt":
			require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte(word)), "customer %d", id)
		case "sha1":
			sum := sha1.Sum([]byte(salt + word))
			require.Equal(t, hex.EncodeToString(sum[:]), hash, "customer %d", id)
		case "md5":
			sum := md5.Sum([]byte(word + salt))
			require.Equal(t, hex.EncodeToString(sum[:]), hash, "customer %d", id)
		}
	}
	require.NoError(t, rows.Err())
	require.Equal(t, map[string]int{"bcrypt": 28 + 8, "sha1": 8, "md5": 4}, formats)
}

// Odd rows are counted, are what is said of them, and leave the others as they are.
func TestOddRows(t *testing.T) {
	localtest.Needs(t)
	conn, none := fill(t, generator.Options{Size: 50, Seed: 2})
	require.Empty(t, none.Rejected)
	plain := sums(t, conn)
	report := refill(t, conn, generator.Options{Size: 50, Seed: 2, Odd: 3})
	require.Len(t, report.Rejected, 3*6)
	queries := map[string]string{
		"users no @":      "SELECT count(*) FROM customers WHERE id = $1 AND email NOT LIKE '%@%'",
		"users another":   "SELECT count(*) FROM customers c JOIN customers d USING (email_lower) WHERE c.id = $1 AND d.id <> c.id AND d.id <= 50",
		"products SKU":    "SELECT count(*) FROM product_variants WHERE product_id = $1 AND sku ~ '[ /]'",
		"stock SKU":       "SELECT count(*) FROM inventory JOIN product_variants ON id = variant_id WHERE id = $1 AND sku ~ '[ /]'",
		"orders status":   "SELECT count(*) FROM orders WHERE id = $1 AND status = 77",
		"tickets subject": "SELECT count(*) FROM tickets WHERE id = $1 AND subject = ''",
	}
	for _, r := range report.Rejected {
		found := 0
		for name, query := range queries {
			kind, word, _ := strings.Cut(name, " ")
			if r.Kind != kind || !strings.Contains(r.Why, word) {
				continue
			}
			var n int
			require.NoError(t, conn.QueryRow(t.Context(), query, r.Key).Scan(&n))
			found += n
		}
		require.Equal(t, 1, found, "%+v", r)
	}
	for _, sql := range []string{
		"DELETE FROM ticket_messages WHERE ticket_id IN (SELECT id FROM tickets WHERE subject = '')", "DELETE FROM tickets WHERE subject = ''",
		"DELETE FROM payments WHERE order_id > 200", "DELETE FROM order_lines WHERE order_id > 200", "DELETE FROM orders WHERE id > 200",
		"DELETE FROM products WHERE id > 40", "DELETE FROM customers WHERE id > 50",
	} {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	require.Equal(t, plain, sums(t, conn))
}

func TestSizesThatCannotBe(t *testing.T) {
	for _, o := range []generator.Options{{}, {Size: -1}, {Size: generator.MaxSize + 1}, {Size: 1, Odd: 2}, {Size: 1, Odd: -1}} {
		_, err := generator.Fill(t.Context(), nil, o)
		require.ErrorContains(t, err, "size", "%+v", o)
	}
}
