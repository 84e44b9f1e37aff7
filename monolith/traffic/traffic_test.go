package traffic_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/shop"
	"tienda/monolith/traffic"
)

// lossy loses some answers, and some requests on their way.
type lossy struct {
	next  http.RoundTripper
	count atomic.Int64
}

func (l *lossy) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodGet {
		return l.next.RoundTrip(r)
	}
	n := l.count.Add(1)
	if n%17 == 3 {
		return nil, errors.New("lost on its way")
	}
	res, err := l.next.RoundTrip(r)
	if err == nil && n%11 == 5 {
		_, err = io.Copy(io.Discard, res.Body)
		return nil, errors.Join(errors.New("answer lost"), err, res.Body.Close())
	}
	return res, err
}

// What the ledger says was acknowledged is what the database has, although answers were
// lost; and each way to lose, double or change something is found.
func TestTheLedgerIsWhatTheDatabaseHas(t *testing.T) {
	localtest.Needs(t)
	d := localtest.Open(t)
	conn := localtest.Connect(t, d.OwnerDSN)
	_, err := generator.Fill(t.Context(), conn, generator.Options{Size: 80, Seed: 5, Odd: 2})
	require.NoError(t, err)
	customers, err := generator.Customers(t.Context(), conn)
	require.NoError(t, err)
	require.EqualValues(t, 80, customers)
	server := httptest.NewServer(shop.New(shop.Options{DB: localtest.Pool(t, d.OwnerDSN), Log: slog.New(slog.NewTextHandler(t.Output(), nil))}))
	defer server.Close()
	ledger := traffic.NewLedger("t1")
	err = traffic.Run(t.Context(), traffic.Options{URL: server.URL, Client: &http.Client{Transport: &lossy{next: http.DefaultTransport}}, Writes: 300, Seed: 1, Run: "t1", Customers: customers}, ledger)
	require.NoError(t, err)
	require.Equal(t, 4*300, ledger.Writes())

	// Nothing new hangs on what cannot be moved.
	var odd int
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM order_lines WHERE sku LIKE 'REF %')
		+ (SELECT count(*) FROM orders WHERE customer_id IN (81, 82, 83, 84)) + (SELECT count(*) FROM tickets WHERE customer_id IN (81, 82, 83, 84))`).Scan(&odd))
	require.Zero(t, odd)

	path := filepath.Join(t.TempDir(), "new", "ledger.json")
	require.NoError(t, ledger.Save(path))
	e, err := traffic.Load(path)
	require.NoError(t, err)
	same, err := ledger.Entries()
	require.NoError(t, err)
	require.Equal(t, same, e)
	unknown := 0
	for _, sort := range []string{"order", "price", "registration", "address", "shipment", "delivery", "cancellation", "ticket", "message", "return", "deletion"} {
		require.NotNil(t, e.Counts[sort], sort)
		require.Positive(t, e.Counts[sort].Acknowledged, sort)
		unknown += e.Counts[sort].Unknown
	}
	require.Greater(t, unknown, 100)
	found, err := traffic.Check(t.Context(), conn, e)
	require.NoError(t, err)
	require.Empty(t, found)

	for _, s := range sabotages(e) {
		tx, err := conn.Begin(t.Context())
		require.NoError(t, err)
		for _, sql := range strings.Split(s.sql, ";") {
			tag, err := tx.Exec(t.Context(), sql)
			require.NoError(t, err, sql)
			require.Positive(t, tag.RowsAffected(), sql)
		}
		found, err := traffic.Check(t.Context(), tx, e)
		require.NoError(t, err)
		require.Len(t, found, 1, s.sql)
		require.Contains(t, found[0], s.told)
		require.NoError(t, tx.Rollback(context.WithoutCancel(t.Context())))
	}
}

type sabotage struct{ told, sql string }

// sabotages are one for each thing that the ledger knows.
func sabotages(e traffic.Entries) []sabotage {
	var o traffic.Order // one that was not acknowledged is not missed
	for _, o2 := range e.Orders {
		if o2.Outcome == traffic.Acknowledged && o2.Status == "confirmed" && o2.Maybe == nil {
			o = *o2
		}
	}
	var sku string
	for name, p := range e.Prices {
		if p.Cents != 0 && !gone(e, name) {
			sku = name
		}
	}
	var house int64
	for id, a := range e.Addresses {
		if a.Last != nil {
			house = id
		}
	}
	tickets := pick(e.Tickets, func(t *traffic.Ticket) bool { return t.Outcome == traffic.Acknowledged })
	back := pick(e.Returns, func(r *traffic.Return) bool { return r.Outcome == traffic.Acknowledged })
	deleted := pick(e.Deletions, func(d *traffic.Deletion) bool { return d.Outcome == traffic.Acknowledged })
	person := pick(e.Customers, func(c *traffic.Customer) bool { return c.Outcome == traffic.Acknowledged })
	at := "FROM orders WHERE number = '" + o.Number + "'"
	return []sabotage{
		{"order " + o.Ref, "UPDATE orders SET gross = gross + 0.01 WHERE number = '" + o.Number + "'"},
		{"order " + o.Ref, "UPDATE orders SET status = 20 WHERE number = '" + o.Number + "'"},
		{"order " + o.Ref, "UPDATE order_lines SET qty = qty + 1 WHERE order_id = (SELECT id " + at + ") AND line_no = 1"},
		{"order " + o.Ref, "UPDATE order_lines SET unit_price = unit_price + 1 WHERE order_id = (SELECT id " + at + ") AND line_no = 1"},
		{"order " + o.Ref, "DELETE FROM order_lines WHERE order_id = (SELECT id " + at + ") AND line_no = 1"},
		{"order " + o.Ref, "UPDATE orders SET note = NULL WHERE number = '" + o.Number + "'"},
		{"there 2 times", "INSERT INTO orders (number, customer_id, email, goods, net, tax, shipping, gross, note) SELECT 'W2', customer_id, email, goods, net, tax, shipping, gross, note " + at},
		{"nobody ordered it", "INSERT INTO orders (number, email, goods, net, tax, shipping, gross, note) SELECT 'W2', email, goods, net, tax, shipping, gross, 't1-9-9' " + at},
		{"SKU " + sku, "UPDATE product_variants SET price = price + 0.01 WHERE sku = '" + sku + "'"},
		{"SKU " + sku, "UPDATE product_variants SET sku = 'other' WHERE sku = '" + sku + "'"},
		{"customer " + person.Email, "UPDATE customers SET email = 'other@example.net' WHERE email = '" + person.Email + "'"},
		{"customer " + person.Email, "INSERT INTO customers (email, full_name, pass_format, pass_hash) SELECT upper(email), full_name, pass_format, pass_hash FROM customers WHERE email = '" + person.Email +
			"';UPDATE customers SET email = replace(email, 'T1-', 't1-') WHERE email LIKE 'T1-%'"},
		{fmt.Sprintf("address of customer %d:", house), fmt.Sprintf("UPDATE addresses SET zip = 'other' WHERE customer_id = %d", house)},
		{"ticket " + tickets.Subject, fmt.Sprintf("UPDATE tickets SET subject = 'other' WHERE id = %d", tickets.ID)},
		{"message " + tickets.Messages[0].Text, "UPDATE ticket_messages SET body = 'other' WHERE body = '" + tickets.Messages[0].Text + "'"},
		{"return of order " + back.Order, fmt.Sprintf("UPDATE return_lines SET qty = qty + 1 WHERE return_id = %d", back.ID)},
		{"product " + deleted.Slug, "INSERT INTO products (slug, title, category_id) VALUES ('" + deleted.Slug + "', 'x', 2)"},
	}
}

func pick[T any](from []*T, good func(*T) bool) T {
	for _, one := range from {
		if good(one) {
			return *one
		}
	}
	var none T
	return none
}

func gone(e traffic.Entries, sku string) bool {
	for _, d := range e.Deletions {
		for _, s := range d.SKUs {
			if s == sku {
				return true
			}
		}
	}
	return false
}

// fake is a shop that takes everything, and writes down what it was asked.
type fake struct {
	mu     sync.Mutex
	asked  []string
	orders int
	fail   int // status of all writes; 0: they are acknowledged
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Method == http.MethodGet {
		_, _ = io.WriteString(w, `{"items":[{"slug":"a","skus":["A-1","A-2"]},{"slug":"b","skus":["B-1"]}]}`)
		return
	}
	b, _ := io.ReadAll(r.Body)
	f.asked = append(f.asked, fmt.Sprintf("%s %s %s %s", r.Method, r.URL.Path, r.Header.Get("Idempotency-Key"), b))
	if f.fail != 0 {
		w.WriteHeader(f.fail)
		return
	}
	f.orders++
	var in shop.NewOrder
	_ = json.Unmarshal(b, &in)
	out := shop.Order{ID: int64(f.orders), Number: fmt.Sprint("W", f.orders), Status: "confirmed"}
	for _, l := range in.Lines {
		out.Lines = append(out.Lines, shop.OrderLine{Line: l})
	}
	_ = json.NewEncoder(w).Encode(out)
}

func play(t *testing.T, f *fake, o traffic.Options) traffic.Entries {
	t.Helper()
	server := httptest.NewServer(f)
	defer server.Close()
	o.URL = server.URL
	ledger := traffic.NewLedger("r")
	require.NoError(t, traffic.Run(t.Context(), o, ledger))
	e, err := ledger.Entries()
	require.NoError(t, err)
	return e
}

func TestTheSameSeedWritesTheSame(t *testing.T) {
	var one, two, other fake
	o := traffic.Options{Writes: 400, Lanes: 1, Seed: 9, Run: "r", Customers: 5}
	first := play(t, &one, o)
	require.Equal(t, first, play(t, &two, o))
	require.Equal(t, one.asked, two.asked)
	require.Len(t, one.asked, 400)
	o.Seed = 10
	play(t, &other, o)
	require.NotEqual(t, one.asked, other.asked)
	require.Len(t, first.Counts, 11, "each sort of write")
}

// What a 5xx did is not known; what a 4xx refused is not done, and not kept.
func TestOutcomes(t *testing.T) {
	o := traffic.Options{Writes: 200, Lanes: 2, Seed: 1, Run: "r", Customers: 5}
	unknown := play(t, &fake{fail: http.StatusServiceUnavailable}, o)
	require.NotEmpty(t, unknown.Orders)
	for _, order := range unknown.Orders {
		require.Equal(t, traffic.Unknown, order.Outcome)
		require.NotEmpty(t, order.Lines)
	}
	require.Equal(t, len(unknown.Orders), unknown.Counts["order"].Unknown)
	none := play(t, &fake{fail: http.StatusConflict}, o)
	require.Empty(t, none.Orders)
	require.Empty(t, none.Prices)
	require.Equal(t, len(unknown.Orders), none.Counts["order"].Refused)
}

// The rate is kept, and what has begun is ended when the writing stops.
func TestRateAndStop(t *testing.T) {
	f := &fake{}
	server := httptest.NewServer(f)
	defer server.Close()
	ctx, stop := context.WithTimeout(t.Context(), time.Second)
	defer stop()
	ledger := traffic.NewLedger("r")
	require.NoError(t, traffic.Run(ctx, traffic.Options{URL: server.URL, Rate: 20, Run: "r"}, ledger))
	require.LessOrEqual(t, ledger.Writes(), 22)
	require.Positive(t, ledger.Writes())
	require.Len(t, f.asked, ledger.Writes())
}

func TestAShopThatCannotBeRead(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	require.ErrorContains(t, traffic.Run(t.Context(), traffic.Options{URL: server.URL, Run: "r"}, traffic.NewLedger("r")), "404")
	_, err := traffic.Load(filepath.Join(t.TempDir(), "none"))
	require.ErrorContains(t, err, "ledger")
}

var _ traffic.Querier = (pgx.Tx)(nil)
