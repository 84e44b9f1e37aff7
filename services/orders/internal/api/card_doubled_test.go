package api_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
	"tienda/services/orders/internal/payment"
)

// atOnce makes a request many times at the same time, on two replicas, and says how
// often each status was answered.
func atOnce(t *testing.T, a, b *shop, r contracttest.Request) map[int]int {
	t.Helper()
	const times = 16
	var mu sync.Mutex
	statuses := map[int]int{}
	var wg sync.WaitGroup
	for i := range times {
		s := []*shop{a, b}[i%2]
		wg.Go(func() {
			status := s.Do(t, r).Status
			mu.Lock()
			defer mu.Unlock()
			statuses[status]++
		})
	}
	wg.Wait()
	return statuses
}

// Submitted, called back and refunded many times at once, each has one effect.
func TestDoubledAtOnce(t *testing.T) {
	s := newShop(t)
	other := s.restarted(t)
	s.put(t, asAna, nil, tea, 2)
	submit := contracttest.Request{
		Method: "POST", Path: "/v1/orders", As: asAna, Header: with(nil, "Idempotency-Key", "card-of-ana"), Body: byCard("sandbox_approves"),
	}
	for status := range atOnce(t, s, other, submit) {
		require.Contains(t, []int{201, 409}, status, "409: another one is at it")
	}
	o := s.card(t, s.Do(t, submit), 201)
	key := o.Payment.Card.Attempts[0].Key
	body := told(t, "evt-1", key, "approved", 1000)
	callback := callbackRequest("sandbox", body, payment.Sign([]byte("secret"), body, time.Now()))
	for status := range atOnce(t, s, other, callback) {
		require.Contains(t, []int{204, 409, 503}, status)
	}
	require.Equal(t, 204, s.Do(t, callback).Status)
	s.card(t, s.step(t, asAgent, nil, o.ID, "ship", nil), 200)
	s.paid(t, o.ID)
	s.card(t, s.step(t, asAgent, nil, o.ID, "deliver", nil), 200)
	refund := contracttest.Request{Method: "POST", Path: "/internal/v1/orders/" + o.ID + "/refunds", As: support, Body: map[string]any{
		"return_id": returnA, "lines": []map[string]any{{"sku": tea, "quantity": 1, "restock": true, "deduction_percent": 20, "deduction_reason": "opened"}}}}
	for status := range atOnce(t, s, other, refund) {
		require.Contains(t, []int{200, 409, 503}, status)
	}
	require.Equal(t, 200, s.Do(t, refund).Status)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { _ = []*shop{s, other}[i%2].till.Run(t.Context(), o.ID, false) })
	}
	wg.Wait()
	require.Equal(t, "partially_refunded", s.paid(t, o.ID).Payment.Status)
	var steps []payment.Step
	for _, done := range s.provider.Operations() {
		steps = append(steps, done.Step)
	}
	require.Equal(t, []payment.Step{payment.Authorise, payment.Capture, payment.Refund}, steps)
	_, taken, back := s.provider.Sums(o.ID)
	require.Equal(t, []int64{1000, 400}, []int64{taken, back}, "what was paid for it, less the deduction")
	items, err := s.store.Get(t.Context(), "order:"+o.ID)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(items[0].Value), "evt-1"))
}
