package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/fault"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/payment/paymenttest"
)

// secrets is the secret of the one provider.
type secrets struct{}

func (secrets) Callback(_ context.Context, provider string) ([]byte, error) {
	if provider != "sandbox" {
		return nil, fault.Missing("payment provider")
	}
	return []byte("secret"), nil
}

func byCard(token string) map[string]any {
	return map[string]any{"payment_method": "card", "payment_token": token}
}

type cardDoc struct {
	ID      string `json:"id"`
	Status  string `json:"status"`
	Payment struct {
		Status string `json:"status"`
		Card   struct {
			State    string `json:"state"`
			Attempts []struct {
				Key    string `json:"key"`
				Status string `json:"status"`
			} `json:"attempts"`
		} `json:"card"`
	} `json:"payment"`
}

func (s *shop) card(t *testing.T, a contracttest.Answer, status int) cardDoc {
	t.Helper()
	require.Equal(t, status, a.Status, "%s", a.Body)
	var o cardDoc
	a.JSON(t, &o)
	return o
}

// paid has done what an order owes and gives it.
func (s *shop) paid(t *testing.T, id string) cardDoc {
	t.Helper()
	require.NoError(t, s.till.Run(t.Context(), id, true))
	return s.card(t, s.Do(t, request("GET", "/v1/orders/"+id, asAgent, nil)), 200)
}

func (s *shop) stored(t *testing.T) string {
	t.Helper()
	items, err := s.store.Get(t.Context(), s.store.Keys("")...)
	require.NoError(t, err)
	var b strings.Builder
	for _, i := range items {
		b.Write(i.Value)
	}
	return b.String()
}

// unsettled gives the list of the recovery as it is stored.
func (s *shop) unsettled(t *testing.T) string {
	t.Helper()
	items, err := s.store.Get(t.Context(), "index:unsettled")
	require.NoError(t, err)
	return string(items[0].Value)
}

func callbackRequest(provider string, body []byte, signature string) contracttest.Request {
	return contracttest.Request{
		Method: "POST", Path: "/v1/payments/callbacks/" + provider, Body: body, Header: http.Header{"Payment-Signature": {signature}},
	}
}

func told(t *testing.T, id, key, status string, amount int64) []byte {
	t.Helper()
	b, err := json.Marshal(map[string]any{"id": id, "created_at": "2026-11-26T09:00:00Z", "operation": map[string]any{
		"id": "auth-77", "key": key, "kind": "authorise", "authorisation": "auth-77", "status": status, "amount": amount, "currency": "EUR", "created_at": "2026-11-26T09:00:00Z",
	}})
	require.NoError(t, err)
	return b
}

// tryCard walks what a card has of the contract, with success.
func (s *shop) tryCard(t *testing.T) {
	t.Helper()
	s.put(t, asAna, nil, tea, 1)
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
	body := told(t, "evt-1", o.Payment.Card.Attempts[0].Key, "approved", 500)
	a := s.Do(t, callbackRequest("sandbox", body, payment.Sign([]byte("secret"), body, time.Now())))
	require.Equal(t, 204, a.Status, "%s", a.Body)
	o = s.declined(t)
	s.card(t, s.step(t, asAgent, nil, o.ID, "payment/capture", nil), 200)
}

// declined is a shipped order whose card pays only when it is asked a second time.
func (s *shop) declined(t *testing.T) cardDoc {
	t.Helper()
	s.put(t, asAna, nil, tea, 1)
	o := s.card(t, s.submit(t, asAna, nil, "declined-of-ana", byCard("sandbox_declines_first_capture")), 201)
	s.card(t, s.step(t, asAgent, nil, o.ID, "ship", nil), 200)
	o = s.paid(t, o.ID)
	require.Equal(t, []string{"due", "capture_declined"}, []string{o.Payment.Status, o.Payment.Card.State})
	return o
}

// Staff asks a card again, twice at a time; a replica that dies meanwhile leaves it to
// the recovery of another.
func TestACardIsAskedAgain(t *testing.T) {
	s := newShop(t)
	o := s.declined(t)
	require.Equal(t, 403, s.step(t, asAna, nil, o.ID, "payment/capture", nil).Status)
	stale := http.Header{"If-Match": {`"77"`}}
	require.Equal(t, 412, s.step(t, asAgent, stale, o.ID, "payment/capture", nil).Status)
	for range 2 {
		o = s.card(t, s.step(t, asAgent, nil, o.ID, "payment/capture", nil), 200)
		require.Equal(t, []string{"due", "capturing"}, []string{o.Payment.Status, o.Payment.Card.State})
	}
	other := s.restarted(t)
	require.NoError(t, other.checkouts.Abandoned(t.Context(), o.ID)) // as its journal tells
	require.NoError(t, other.checkouts.Recover(t.Context()))
	o = s.card(t, s.Do(t, request("GET", "/v1/orders/"+o.ID, asAgent, nil)), 200)
	require.Equal(t, []string{"paid", "captured"}, []string{o.Payment.Status, o.Payment.Card.State})
	_, taken, _ := s.provider.Sums(o.ID)
	require.Equal(t, int64(500), taken)
}

func TestPayByCard(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 2)
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves_77")), 201)
	require.Equal(t, []string{"confirmed", "authorised", "authorised"}, []string{o.Status, o.Payment.Status, o.Payment.Card.State})
	require.Equal(t, 1, s.provider.Calls())
	s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves_77")), 201)
	require.Equal(t, 1, s.provider.Calls(), "a repeat asks nobody")
	require.NotContains(t, s.stored(t), "sandbox_approves_77", "the token is used and gone")
	for range 2 {
		s.card(t, s.step(t, asAgent, nil, o.ID, "ship", nil), 200)
	}
	o = s.paid(t, o.ID)
	require.Equal(t, []string{"shipped", "paid", "captured"}, []string{o.Status, o.Payment.Status, o.Payment.Card.State})
	s.card(t, s.step(t, asAgent, nil, o.ID, "deliver", nil), 200)
	refund := contracttest.Request{Method: "POST", Path: "/internal/v1/orders/" + o.ID + "/refunds", As: support, Body: map[string]any{
		"return_id": returnA, "lines": []map[string]any{{"sku": tea, "quantity": 1, "restock": true}}}}
	for range 2 {
		require.Equal(t, 200, s.Do(t, refund).Status)
	}
	o = s.paid(t, o.ID)
	require.Equal(t, "partially_refunded", o.Payment.Status)
	_, taken, back := s.provider.Sums(o.ID)
	require.Equal(t, []int64{1000, 500}, []int64{taken, back})
}

func TestADeclinedCard(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 1)
	for range 2 { // the second is a repeat
		a := s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_declines_77"))
		require.Equal(t, 422, a.Status)
		code, fields := a.Problem(t)
		require.Equal(t, "payment_declined", code)
		require.Equal(t, []string{"/payment_token"}, fields)
		require.NotContains(t, string(a.Body), "sandbox_declines_77")
		require.Contains(t, string(a.Body), "card_declined")
	}
	require.Equal(t, 1, s.provider.Calls())
	require.Len(t, s.cart(t, asAna, nil).Lines, 1, "the cart is back")
	require.Equal(t, []string{"tienda.orders.cancelled"}, s.events.Types(), "catalog releases the stock")
	require.NotContains(t, s.stored(t), "sandbox_declines_77")
	s.card(t, s.submit(t, asAna, nil, "another-key", byCard("sandbox_approves")), 201)
}

// Refused before the card was asked: nobody asks any more, and the token is gone.
func TestRefusedBeforeTheCard(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, plate, 4)
	require.Equal(t, 422, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves_77")).Status)
	require.Zero(t, s.provider.Calls())
	require.NotContains(t, s.stored(t), "sandbox_approves_77")
	require.Contains(t, s.stored(t), `"status":"dropped"`)
	require.Empty(t, s.unsettled(t), "nothing is owed")
}

// The provider does not tell: the order is pending, and ends by whoever asks next.
func TestAnUnknownOutcome(t *testing.T) {
	for _, fate := range []paymenttest.Fate{paymenttest.Lost, paymenttest.Unheard} {
		for _, by := range []string{"repeat", "recovery"} {
			s := newShop(t)
			s.put(t, asAna, nil, tea, 1)
			s.provider.Fates(func(string) paymenttest.Fate { return fate })
			o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 202)
			require.Equal(t, []string{"pending", "pending"}, []string{o.Status, o.Payment.Status})
			require.Empty(t, s.events.Types())
			o = s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 202)
			require.Equal(t, 409, s.step(t, asAna, nil, o.ID, "cancel", nil).Status, "a checkout drives it")
			s.provider.Fates(func(string) paymenttest.Fate { return paymenttest.Answered })
			if by == "recovery" {
				other := s.restarted(t)
				s.age(t)
				require.NoError(t, other.checkouts.Recover(t.Context()))
			}
			o = s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
			require.Equal(t, "confirmed", o.Status)
			require.Len(t, s.provider.Operations(), 1, "once")
			require.Equal(t, 99, s.catalog.stock[tea])
			require.NoError(t, s.checkouts.Recover(t.Context()))
			require.NotContains(t, s.unsettled(t), o.ID)
		}
	}
}

// What is confirmed in one replica is charged by another, when the first is gone.
func TestTheRecoveryCharges(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 1)
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
	s.step(t, asAna, nil, o.ID, "cancel", nil)
	other := s.restarted(t)
	require.NoError(t, other.checkouts.Abandoned(t.Context(), o.ID)) // as its journal tells
	require.NoError(t, other.checkouts.Recover(t.Context()))
	held, _, _ := s.provider.Sums(o.ID)
	require.Zero(t, held)
}

func TestCallbackOfThePaymentProvider(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 1)
	s.provider.Fates(func(string) paymenttest.Fate { return paymenttest.Unheard })
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 202)
	key := o.Payment.Card.Attempts[0].Key
	body := told(t, "evt-1", key, "approved", 500)
	sign := func(b []byte, at time.Time) string { return payment.Sign([]byte("secret"), b, at) }
	now := time.Now()
	for what, bad := range map[string]contracttest.Request{
		"forged":           callbackRequest("sandbox", body, payment.Sign([]byte("guess"), body, now)),
		"too old":          callbackRequest("sandbox", body, sign(body, now.Add(-6*time.Minute))),
		"for another body": callbackRequest("sandbox", body, sign(told(t, "evt-2", key, "approved", 500), now)),
		"nonsense":         callbackRequest("sandbox", body, "t=now,v1=zz"),
	} {
		a := s.Do(t, bad)
		require.Equal(t, 401, a.Status, what)
		code, _ := a.Problem(t)
		require.Equal(t, "signature_invalid", code, what)
	}
	require.Equal(t, 404, s.Do(t, callbackRequest("other", body, sign(body, now))).Status)
	unsigned := callbackRequest("sandbox", body, "")
	unsigned.Header = nil
	require.Equal(t, 400, s.Do(t, unsigned).Status)
	lost := told(t, "evt-3", nowhere+"-authorise-1", "approved", 500)
	require.Equal(t, 404, s.Do(t, callbackRequest("sandbox", lost, sign(lost, now))).Status)
	long := []byte(`{"id":"` + strings.Repeat("x", 17<<10) + `"}`)
	require.Equal(t, 413, s.Do(t, callbackRequest("sandbox", long, sign(long, now))).Status)

	for range 2 { // the second is a repeat
		require.Equal(t, 204, s.Do(t, callbackRequest("sandbox", body, sign(body, now))).Status)
	}
	o = s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
	require.Equal(t, "authorised", o.Payment.Card.State, "and the provider was not asked, who does not answer")
	later := told(t, "evt-4", key, "declined", 0)
	require.Equal(t, 204, s.Do(t, callbackRequest("sandbox", later, sign(later, now))).Status)
	o = s.card(t, s.Do(t, request("GET", "/v1/orders/"+o.ID, asAna, nil)), 200)
	require.Equal(t, "authorised", o.Payment.Card.State, "what is known stays")
}

func TestTokens(t *testing.T) {
	s := newShop(t)
	s.put(t, asAna, nil, tea, 1)
	for name, c := range map[string]struct {
		body   map[string]any
		status int
		code   string
	}{
		"no token":      {map[string]any{"payment_method": "card"}, 422, "payment_token_required"},
		"one too many":  {map[string]any{"payment_method": "invoice", "payment_token": "sandbox_approves"}, 422, "payment_token_unwanted"},
		"a card number": {byCard("4111111111111111"), 400, "invalid_request"},
		"too long":      {byCard("x" + strings.Repeat("y", 255)), 400, "invalid_request"},
	} {
		a := s.submit(t, asAna, nil, "card-of-ana", c.body)
		require.Equal(t, c.status, a.Status, name)
		code, fields := a.Problem(t)
		require.Equal(t, c.code, code, name)
		require.Equal(t, []string{"/payment_token"}, fields, name)
		require.NotContains(t, string(a.Body), "4111", "%s: it is not repeated", name)
	}
	require.Len(t, s.cart(t, asAna, nil).Lines, 1)
	require.Zero(t, s.provider.Calls())
}

// What a checkout by card costs: the binding's call, and no more state than by cash.
func TestCallsOfACheckoutByCard(t *testing.T) {
	s := newShop(t)
	c := &counting{Store: s.store}
	s.db = c
	s = s.restarted(t)
	h := s.guest(t, coffee, 1)
	c.gets, c.commits = 0, 0
	body := map[string]any{"payment_method": "card", "payment_token": "sandbox_approves", "email": "guest@example.com", "address": home}
	s.card(t, s.submit(t, caller.Caller{}, h, "guest-key", body), 201)
	require.Equal(t, [3]int{2, 2, 1}, [3]int{c.gets, c.commits, s.provider.Calls()})
}

// Where the settings say so, a card is charged when the order is confirmed, and what
// was charged comes back when it is cancelled.
func TestChargedAtOnce(t *testing.T) {
	s := newShop(t)
	s.ok(t, 200, request("PUT", "/v1/settings/payments", asAdmin, map[string]any{"capture": "at_once"}), nil)
	require.Equal(t, 400, s.Do(t, request("PUT", "/v1/settings/payments", asAdmin, map[string]any{"capture": "never"})).Status)
	stale := request("PUT", "/v1/settings/payments", asAdmin, map[string]any{"capture": "at_once"})
	stale.Header = http.Header{"If-Match": {`"7"`}}
	require.Equal(t, 412, s.Do(t, stale).Status)
	s.put(t, asAna, nil, tea, 1)
	o := s.card(t, s.submit(t, asAna, nil, "card-of-ana", byCard("sandbox_approves")), 201)
	o = s.paid(t, o.ID)
	require.Equal(t, "paid", o.Payment.Status)
	s.card(t, s.step(t, asAna, nil, o.ID, "cancel", nil), 200)
	o = s.paid(t, o.ID)
	require.Equal(t, []string{"cancelled", "refunded", "refunded"}, []string{o.Status, o.Payment.Status, o.Payment.Card.State})
	_, taken, back := s.provider.Sums(o.ID)
	require.Equal(t, []int64{500, 500}, []int64{taken, back})
}
