package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/tests/customer"
	"tienda/tests/history"
)

func TestFailuresAreToldApart(t *testing.T) {
	for _, x := range []struct {
		status  int
		code    string
		class   Class
		outcome history.Outcome
	}{
		{200, "", OK, history.Done},
		{201, "", OK, history.Done},
		{202, "", OK, history.Later},
		{304, "", OK, history.Done},
		{400, "bad_request", Wrong, history.Refused},
		{401, "", Wrong, history.Later},
		{404, "", Wrong, history.Refused},
		{409, "cart_empty_or_taken", Business, history.Refused},
		{409, "checkout_in_progress", Business, history.Later},
		{412, "", Business, history.Refused},
		{422, "out_of_stock", SoldOut, history.Refused},
		{422, "payment_declined", Business, history.Refused},
		{429, "", Limited, history.Later},
		{500, "", Failed, history.Unknown},
		{503, "", Failed, history.Unknown},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(x.status)
			if x.status >= 400 {
				fmt.Fprintf(w, `{"code":%q}`, x.code)
			}
		}))
		a := newWeb(s.URL).send(t.Context(), http.MethodGet, "/", nil)
		s.Close()
		require.Equal(t, x.class, a.class(), a)
		require.Equal(t, x.outcome, a.Outcome(), a)
	}
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer s.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.Equal(t, TimedOut, newWeb(s.URL).send(ctx, http.MethodGet, "/", nil).class())
	s.CloseClientConnections()
	gone := httptest.NewServer(nil)
	gone.Close()
	require.Equal(t, Cut, newWeb(gone.URL).send(t.Context(), http.MethodGet, "/", nil).class())
}

// stall is a shop that knows carts and orders, and fails as it is told.
type stall struct {
	mu     sync.Mutex
	orders map[string]string // ID by key
	asked  []*http.Request
	fail   int // so many checkouts land, and are answered with 503
}

func (s *stall) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r)
	w.Header().Set("ETag", `"1"`)
	switch {
	case r.Method == http.MethodPut:
		w.Header().Set("Cart-Token", "token")
		fmt.Fprint(w, `{}`)
	case r.Method == http.MethodPost:
		key := r.Header.Get("Idempotency-Key")
		if s.orders[key] == "" {
			s.orders[key] = fmt.Sprintf("order-%d", len(s.orders))
		}
		if s.fail--; s.fail >= 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{"id": s.orders[key], "status": "confirmed", "note": key})
	case r.Header.Get("If-None-Match") == `"1"`:
		w.WriteHeader(http.StatusNotModified)
	default:
		fmt.Fprint(w, `{"id":"x","status":"confirmed"}`)
	}
}

func marketAt(t *testing.T, s http.Handler) *market {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	m := &market{web: newWeb(server.URL), record: history.NewRecord(), bought: map[string]*visitor{}, rand: seeded()}
	for i := range 20 {
		m.goods = append(m.goods, product{id: fmt.Sprintf("p%d", i), category: "c", word: "ñandú", skus: []string{fmt.Sprintf("S%d", i)}})
	}
	m.keys = newKeys(len(m.goods), true)
	m.looking = []*visitor{{seen: map[string]string{}}}
	return m
}

func TestACartBecomesOneOrder(t *testing.T) {
	s := &stall{orders: map[string]string{}, fail: 1}
	m := marketAt(t, s)
	require.Equal(t, NoCart, m.do(t.Context(), Checkout).class)
	require.NoError(t, m.fill(t.Context(), 1))
	require.Len(t, m.ready[0].lines, fullCart)
	require.Equal(t, "token", m.ready[0].token)

	r := m.do(t.Context(), Checkout) // it lands, and nobody is told
	require.Equal(t, Failed, r.class)
	require.Len(t, m.unsure, 1)
	require.NoError(t, m.finish(t.Context()))
	require.Empty(t, m.unsure)
	require.Len(t, s.orders, 1, "the repeat has the key of the first")
	calls := m.record.All()
	require.Len(t, calls, 2)
	require.Equal(t, history.Unknown, calls[0].Outcome)
	require.Equal(t, history.Done, calls[1].Outcome)
	require.Equal(t, calls[0].Key, calls[1].Got.Key)

	require.NoError(t, m.fill(t.Context(), 1))
	r = m.do(t.Context(), Checkout)
	require.Equal(t, OK, r.class)
	require.Equal(t, 2, r.sent, "the checkout, and the order's page")
	require.False(t, r.settled.Before(r.answered))
	require.Len(t, m.bought, 1, "guests have one token in this shop")

	a := &customer.Account{Web: m.web.Web, Email: "a@example.com"}
	m.resting = []*visitor{{account: a}}
	require.NoError(t, m.fill(t.Context(), 1))
	require.Equal(t, OK, m.do(t.Context(), Checkout).class)
	require.Equal(t, OK, m.do(t.Context(), Cart).class)
	require.Empty(t, m.resting, "it fills its next cart")
	require.Contains(t, m.bought, "a@example.com", "and what it has bought is looked at")
}

func TestASessionIsAWholeCart(t *testing.T) {
	s := &stall{orders: map[string]string{}}
	m := marketAt(t, s)
	r := m.do(t.Context(), Session)
	require.Equal(t, OK, r.class, r.detail)
	require.Len(t, s.orders, 1)
	require.Len(t, s.asked, r.sent)
	require.Equal(t, "", s.asked[0].Header.Get("Cart-Token"))
	require.Equal(t, "token", s.asked[len(s.asked)-1].Header.Get("Cart-Token"))
}

func TestABrowserAsksForWhatItHasSeenWithItsETag(t *testing.T) {
	s := &stall{}
	m := marketAt(t, s)
	seen, again := map[string]bool{}, 0
	for range 300 {
		require.Equal(t, OK, m.do(t.Context(), Browse).class)
		last := s.asked[len(s.asked)-1]
		address := last.URL.String()
		if seen[address] {
			require.Equal(t, `"1"`, last.Header.Get("If-None-Match"), address)
			again++
		} else {
			require.Empty(t, last.Header.Get("If-None-Match"), address)
		}
		seen[address] = true
	}
	require.Greater(t, again, 100)
	require.True(t, seen["/v1/products/suggestions?q=%C3%B1an"], seen)
}

func TestOwnOrders(t *testing.T) {
	line := history.Item{SKU: "S1", Quantity: 2}
	order := history.Order{ID: "o1", Key: "k1", Total: 200, Lines: []history.Line{{Item: line, Price: 100}}}
	call := history.Call{Op: history.Checkout, Key: "k1", Lines: []history.Item{line}, Got: &order, Outcome: history.Done}
	more, dearer := order, order
	more.Lines = []history.Line{{Item: history.Item{SKU: "S1", Quantity: 3}, Price: 100}}
	dearer.Total = 201
	for name, x := range map[string]struct {
		there []history.Order
		want  history.Kind
	}{
		"right":       {[]history.Order{order}, ""},
		"lost":        {nil, history.OrderLost},
		"twice":       {[]history.Order{order, order}, history.OrderTwice},
		"other lines": {[]history.Order{more}, history.OrderDiffers},
		"other total": {[]history.Order{dearer}, history.OrderDiffers},
	} {
		found := ownOrders([]history.Call{call}, x.there)
		if x.want == "" {
			require.Empty(t, found, name)
			continue
		}
		require.Len(t, found, 1, name)
		require.Equal(t, x.want, found[0].Kind, name)
	}
}

// A checkout that was refused leaves an order that is in no list: only its event
// tells of it.
func TestOrdersThatOnlyEventsTellOf(t *testing.T) {
	m := marketAt(t, &stall{orders: map[string]string{}})
	m.staff.agent = &customer.Account{Web: m.web.Web}
	found, err := m.orders(t.Context(), nil, []history.Event{{Type: history.OrderCancelled, Subject: "x"}})
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "x", found[0].ID)
}
