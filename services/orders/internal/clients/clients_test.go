package clients

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/letters"
	"tienda/services/orders/internal/order"
)

// source counts what it is asked and waits until it may answer.
type source struct {
	mu     sync.Mutex
	calls  int
	as     caller.Caller
	answer chan struct{}
}

func (s *source) Quotes(ctx context.Context, _ string, skus []string) (map[string]cart.Quote, error) {
	s.mu.Lock()
	s.calls++
	s.as = caller.From(ctx)
	s.mu.Unlock()
	if s.answer != nil {
		<-s.answer
	}
	out := map[string]cart.Quote{}
	for _, sku := range skus {
		if sku != "gone" {
			out[sku] = cart.Quote{Name: sku}
		}
	}
	return out, nil
}

func (s *source) asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.calls
}

func TestQuoteCache(t *testing.T) {
	src := &source{}
	q := NewQuoteCache(src)
	clock := time.Now()
	q.now = func() time.Time { return clock }
	ask := func(currency string, skus ...string) map[string]cart.Quote {
		got, err := q.Quotes(caller.With(t.Context(), caller.Caller{UserID: "u"}), currency, skus)
		require.NoError(t, err)
		return got
	}
	require.Len(t, ask("EUR", "a", "b", "gone"), 2)
	require.Equal(t, caller.Caller{}, src.as, "not in one user's name")
	require.Len(t, ask("EUR", "b", "a"), 2)
	require.Equal(t, 1, src.asked())
	ask("USD", "a")
	require.Equal(t, 2, src.asked())
	ask("EUR", "gone")
	require.Equal(t, 3, src.asked(), "what is not sold is not remembered")
	clock = clock.Add(quoteTTL)
	ask("EUR", "a")
	require.Equal(t, 4, src.asked())
}

func TestQuoteCacheIsBounded(t *testing.T) {
	q := NewQuoteCache(&source{})
	for i := range maxQuotes + 10 {
		q.remember("EUR", map[string]cart.Quote{string(rune(0x4e00 + i)): {}})
	}
	require.LessOrEqual(t, len(q.entries), maxQuotes)
}

// Those who want the same at once share one call, which does not end with the
// first one's request.
func TestQuotesAreShared(t *testing.T) {
	src := &source{answer: make(chan struct{})}
	q := NewQuoteCache(src)
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := q.Quotes(first, "EUR", []string{"a", "b"})
		left <- err
	}()
	require.Eventually(t, func() bool { return src.asked() == 1 }, 5*time.Second, time.Millisecond)
	got := make(chan error, 1)
	go func() {
		_, err := q.Quotes(t.Context(), "EUR", []string{"b", "a"})
		got <- err
	}()
	leave()
	require.ErrorIs(t, <-left, context.Canceled)
	close(src.answer)
	require.NoError(t, <-got)
	require.LessOrEqual(t, src.asked(), 2)
}

// invoker answers one call from a string and keeps what it was asked.
type invoker struct {
	call sidecar.Call
	json string
	err  error
}

func (i *invoker) Invoke(_ context.Context, c sidecar.Call) error {
	i.call = c
	if i.err != nil {
		return i.err
	}
	return json.Unmarshal([]byte(i.json), c.Out)
}

func TestReserve(t *testing.T) {
	i := &invoker{json: `{"order_id":"o","lines":[{"sku":"A","product_id":"p","slug":"s","name":"N","variant_name":"V","quantity":2,
		"unit_price":{"amount":5,"currency":"EUR"}}]}`}
	sold, err := NewCatalog(i).Reserve(t.Context(), "o", "EUR", []order.Line{{SKU: "A", Quantity: 2}})
	require.NoError(t, err)
	require.Equal(t, int64(5), sold[0].UnitPrice.Amount)
	require.Equal(t, "V", sold[0].VariantName)
	require.True(t, i.call.Idempotent)
	require.Equal(t, "/internal/v1/reservations/o", i.call.Path)
	in, err := json.Marshal(i.call.In)
	require.NoError(t, err)
	require.JSONEq(t, `{"currency":"EUR","lines":[{"sku":"A","quantity":2}]}`, string(in))

	i.err = fault.BadField("/lines/0/quantity", "no")
	_, err = NewCatalog(i).Reserve(t.Context(), "o", "EUR", nil)
	require.Equal(t, "checkout_refused", fault.CodeOf(err), "ends the checkout")
}

func TestQuotesCall(t *testing.T) {
	i := &invoker{json: `{"items":[{"sku":"A","product_id":"p","slug":"s","name":"N","variant_name":"V","unit_price":null,"available":true}]}`}
	got, err := NewCatalog(i).Quotes(t.Context(), "USD", []string{"A", "B"})
	require.NoError(t, err)
	require.Equal(t, map[string]cart.Quote{"A": {ProductID: "p", Slug: "s", Name: "N", VariantName: "V", Available: true}}, got)
}

func TestProfile(t *testing.T) {
	i := &invoker{json: `{"user_id":"u","email":"a@example.com","name":"A","preferences":{"currency":"USD","language":"es","marketing_mail":false},"address":null}`}
	p, err := NewUsers(i).Profile(t.Context(), "u", "x y")
	require.NoError(t, err)
	require.Equal(t, "/internal/v1/users/u/checkout?address_id=x+y", i.call.Path)
	require.Equal(t, "USD", p.Currency)
	require.Nil(t, p.Address)
	i.err = fault.Missing("address")
	_, err = NewUsers(i).Profile(t.Context(), "u", "a")
	require.Equal(t, "address_unknown", fault.CodeOf(err))
	_, err = NewUsers(i).Profile(t.Context(), "u", "")
	require.Equal(t, fault.Unauthenticated, fault.KindOf(err))
}

func TestReader(t *testing.T) {
	i := &invoker{json: `{"user_id":"u","email":"a@example.com","name":"A","preferences":{"currency":"USD","language":"es","marketing_mail":true},"address":null}`}
	r, err := NewUsers(i).Reader(t.Context(), "u")
	require.NoError(t, err)
	require.Equal(t, letters.Reader{Email: "a@example.com", Language: "es", Marketing: true}, r)
	i.err = fault.Missing("user")
	_, err = NewUsers(i).Reader(t.Context(), "u")
	require.Equal(t, fault.NotFound, fault.KindOf(err))
}
