package migration

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/monolith/generator"
	"tienda/monolith/local/localtest"
	"tienda/monolith/traffic"
)

// The sample monolith is moved while it goes on selling: both sides are verified to be
// equal under its writes, and everything that it has acknowledged is in the shop, once,
// for those whom it belongs to.
func TestTheSampleIsMovedWhileItSells(t *testing.T) {
	localtest.Needs(t)
	s := tell(t, generator.Options{Size: 60, Seed: 7})
	s.sell(20)
	s.start()
	now := s.becomes("following")
	require.Zero(t, now.Rejects)
	for _, k := range now.Kinds {
		require.Equal(t, k.Chunks, k.ChunksDone, k.Kind)
		require.Equal(t, k.Rows, k.Copied, k.Kind)
	}
	for range 2 {
		r := s.equal()
		require.Positive(t, r.Sampled)
	}
	require.Less(t, s.lag(), 5.0)
	s.quiet()
	s.drained()
	r := s.equal()
	s.countsAreSQLs(r)
	differences, err := traffic.Check(t.Context(), s.owner, s.entries())
	require.NoError(t, err)
	require.Empty(t, differences, "the monolith itself")
	s.hasAllThatWasAcknowledged()
	s.takesOldPasswords()
}

func (s *story) entries() traffic.Entries {
	e, err := s.ledger.Entries()
	require.NoError(s.t, err)
	return e
}

func (s *story) lag() float64 {
	var now status
	s.must(http.StatusOK, http.MethodGet, "/v1/migration", &now)
	return now.LagSecs
}

// countsAreSQLs holds the report to counts that the migration has not made.
func (s *story) countsAreSQLs(r report) {
	s.t.Helper()
	s.countsWithout(r, nil)
}

// countsWithout is countsAreSQLs where some were rejected, by kind.
func (s *story) countsWithout(r report, rejected map[string]int) {
	s.t.Helper()
	for kind, sql := range map[string]string{
		"products": "SELECT count(*) FROM products", "stock": "SELECT count(*) FROM inventory", "orders": "SELECT count(*) FROM orders",
		"users":   "SELECT (SELECT count(*) FROM customers) + (SELECT count(*) FROM staff)",
		"tickets": "SELECT count(*) FROM tickets", "returns": "SELECT count(*) FROM returns",
	} {
		var want int
		require.NoError(s.t, s.owner.QueryRow(s.t.Context(), sql).Scan(&want))
		found := false
		for _, k := range r.Kinds {
			if k.Kind == kind {
				found = true
				require.Equal(s.t, want, k.Source, kind)
				require.Equal(s.t, want-rejected[kind], k.Target, kind)
			}
		}
		require.True(s.t, found, kind)
	}
}

// history is what a customer sees of the orders, by number.
func (s *story) history(token string) map[string]seen {
	s.t.Helper()
	all := map[string]seen{}
	for cursor := ""; ; {
		var page struct {
			Items []seen `json:"items"`
			Next  string `json:"next_cursor"`
		}
		require.Equal(s.t, http.StatusOK, s.public(http.MethodGet, "/v1/orders?limit=100"+cursor, token, nil, &page))
		for _, o := range page.Items {
			require.NotContains(s.t, all, o.Number, "no order is there twice")
			all[o.Number] = o
		}
		if page.Next == "" {
			return all
		}
		cursor = "&cursor=" + page.Next
	}
}

type seen struct {
	Number string `json:"number"`
	Status string `json:"status"`
	Total  struct {
		Amount int64 `json:"amount"`
	} `json:"total"`
}

// hasAllThatWasAcknowledged looks for what the monolith's customers were told, with
// their own eyes.
func (s *story) hasAllThatWasAcknowledged() {
	s.t.Helper()
	byCustomer := map[int64][]*traffic.Order{}
	e := s.entries()
	orders := 0
	for _, o := range e.Orders {
		if o.Outcome == traffic.Acknowledged && o.CustomerID != 0 {
			byCustomer[o.CustomerID] = append(byCustomer[o.CustomerID], o)
			orders++
		}
	}
	require.Greater(s.t, orders, 10, "there was traffic")
	passwords := map[int64]string{}
	emails := map[int64]string{}
	for _, c := range e.Customers {
		if c.Outcome == traffic.Acknowledged {
			passwords[c.ID], emails[c.ID] = c.Password, c.Email
		}
	}
	checked := 0
	for id, acknowledged := range byCustomer {
		password, email := passwords[id], emails[id]
		if password == "" {
			password = generator.Password(id)
			require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT email FROM customers WHERE id = $1", id).Scan(&email))
		}
		token := s.signIn(email, password)
		require.NotEmpty(s.t, token, "customer %d signs in", id)
		here := s.history(token)
		for _, o := range acknowledged {
			require.Contains(s.t, here, o.Number)
			require.Equal(s.t, o.Total, here[o.Number].Total.Amount, o.Number)
		}
		var all int
		require.NoError(s.t, s.owner.QueryRow(s.t.Context(), "SELECT count(*) FROM orders WHERE customer_id = $1", id).Scan(&all))
		require.Len(s.t, here, all, "customer %d", id)
		if checked++; checked == 12 {
			break
		}
	}
	for sku, p := range e.Prices {
		if p.Cents == 0 || len(p.Maybe) > 0 {
			continue
		}
		require.Contains(s.t, s.pricesOf(sku), p.Cents, sku)
	}
}

// pricesOf gives what an SKU costs in the shop.
func (s *story) pricesOf(sku string) (prices []int64) {
	s.t.Helper()
	var slug string
	err := s.owner.QueryRow(s.t.Context(), "SELECT p.slug FROM products p JOIN product_variants v ON v.product_id = p.id WHERE v.sku = $1", sku).Scan(&slug)
	require.NoError(s.t, err)
	var p struct {
		Variants []struct {
			SKU    string `json:"sku"`
			Prices []struct {
				Amount int64 `json:"amount"`
			} `json:"prices"`
		} `json:"variants"`
	}
	require.Equal(s.t, http.StatusOK, s.public(http.MethodGet, "/v1/products/"+slug, "", nil, &p))
	for _, v := range p.Variants {
		for _, price := range v.Prices {
			if v.SKU == sku {
				prices = append(prices, price.Amount)
			}
		}
	}
	return prices
}

// takesOldPasswords signs customers in whose passwords were hashed in each of the
// monolith's ways, and lets nobody in with another one.
func (s *story) takesOldPasswords() {
	s.t.Helper()
	rows, err := s.owner.Query(s.t.Context(), "SELECT DISTINCT ON (pass_format) id, email, pass_format FROM customers WHERE id <= $1 ORDER BY pass_format, id", s.size)
	require.NoError(s.t, err)
	type account struct {
		id            int64
		email, format string
	}
	var some []account
	for rows.Next() {
		var a account
		require.NoError(s.t, rows.Scan(&a.id, &a.email, &a.format))
		some = append(some, a)
	}
	require.NoError(s.t, rows.Err())
	require.Len(s.t, some, 3)
	for _, a := range some {
		require.NotEmpty(s.t, s.signIn(a.email, generator.Password(a.id)), a.format)
		require.Empty(s.t, s.signIn(a.email, generator.Password(a.id)+"!"), a.format)
	}
}

// Rows that their owners do not take are listed one by one and keep no other out; once
// they are mended in the monolith they come by themselves.
func TestOddRowsAreRejectedByName(t *testing.T) {
	localtest.Needs(t)
	s := tell(t, generator.Options{Size: 20, Seed: 3, Odd: 1})
	s.start()
	now := s.becomes("following")
	require.Equal(t, len(s.report.Rejected), now.Rejects)
	var list struct {
		Items []struct {
			Key    string `json:"key"`
			Code   string `json:"code"`
			Detail string `json:"detail"`
		} `json:"items"`
	}
	s.must(http.StatusOK, http.MethodGet, "/v1/migration/rejects?limit=100", &list)
	require.Len(t, list.Items, len(s.report.Rejected))
	for _, r := range list.Items {
		require.NotEmpty(t, r.Code, r.Key)
		require.NotEmpty(t, r.Detail, r.Key)
	}
	r := s.equal()
	rejected := 0
	for _, k := range r.Kinds {
		rejected += k.Rejected
	}
	require.Equal(t, len(s.report.Rejected), rejected)

	_, err := s.owner.Exec(t.Context(), "UPDATE customers SET email = 'mended-' || id || '@example.com' WHERE email NOT LIKE '%@%'")
	require.NoError(t, err)
	s.until("what was mended", time.Minute, func() bool {
		var now status
		_, ok := s.ask(http.MethodGet, "/v1/migration", &now)
		return ok && now.Rejects < len(s.report.Rejected)
	})
	s.equal()
}
