package main

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tienda/tests/customer"
	"tienda/tests/history"
)

// attempt is one checkout: a cart, and the key that its repeats have too.
type attempt struct {
	who  *visitor
	call history.Call
	body map[string]any
}

// checkOut turns the longest filled cart into an order, and looks at the order
// as its page does, until it is confirmed.
func (m *market) checkOut(ctx context.Context) result {
	c := m.take(&m.ready)
	if c == nil {
		return result{class: NoCart}
	}
	return m.buy(ctx, c)
}

func (m *market) buy(ctx context.Context, c *visitor) result {
	t := m.attempt(c)
	a := m.submit(ctx, t)
	r := one(a)
	if a.class() != OK {
		return r
	}
	id := t.call.Got.ID
	for deadline := time.Now().Add(answerLimit); time.Now().Before(deadline); {
		var o customer.Order
		seen := m.web.send(ctx, http.MethodGet, "/v1/orders/"+id, nil, c.headers(ctx)...)
		r.sent++
		seen.Into(&o)
		switch {
		case seen.class() != OK:
			r.class, r.detail = seen.class(), "the order's page: "+seen.String()
			return r
		case o.Status == history.Cancelled:
			r.class, r.detail = Business, "the order was cancelled: "+o.CancelReason
			return r
		case o.Status != history.Pending:
			r.settled = time.Now()
			return r
		}
		if sleep(ctx, pollAfter) != nil {
			break
		}
	}
	r.class, r.detail = TimedOut, "the order is still pending"
	return r
}

func (m *market) attempt(c *visitor) *attempt {
	key := uuid.NewString()
	t := &attempt{who: c, call: history.Call{Buyer: c.cart, Op: history.Checkout, Key: key, Cart: c.cart, Lines: c.lines}}
	t.body = map[string]any{
		"payment_method": "invoice", "email": "load@example.com", "currency": "EUR", "note": key,
		"address": map[string]string{"name": "Lucía Pérez", "line1": "Calle Mayor 1", "city": "Madrid", "postal_code": "28013", "country": "ES"},
	}
	if m.dice(100) < m.cards {
		t.call.Card = "sandbox_approves"
		t.body["payment_method"], t.body["payment_token"] = "card", t.call.Card
	}
	return t
}

// submit sends a checkout once. What has no final answer is kept, to be repeated
// with its key once the load is over.
func (m *market) submit(ctx context.Context, t *attempt) answer {
	call := t.call
	call.Begin = m.record.Now()
	a := m.web.send(ctx, http.MethodPost, "/v1/orders", t.body, t.who.headers(ctx, "Idempotency-Key", t.call.Key)...)
	if a.class() == OK {
		var o customer.Order
		if a.Into(&o); a.Err == nil {
			seen := o.History()
			call.Got, t.call.Got = &seen, &seen
		}
	}
	call.End, call.Outcome, call.Answer, call.Code = m.record.Now(), a.Outcome(), a.String(), a.Code
	if call.Outcome == history.Later {
		call.Got = nil // it has no prices yet
	}
	m.record.Add(call)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bought[t.who.owner()] = t.who
	switch call.Outcome {
	case history.Done:
		m.waiting = append(m.waiting, call.Got.ID)
		if t.who.account != nil {
			m.resting = append(m.resting, t.who)
		}
	case history.Later, history.Unknown:
		m.unsure = append(m.unsure, t)
	case history.Refused: // the lines are back in the cart, which is left
	}
	return a
}

// finish repeats the checkouts that have no final answer, with their keys, as a
// good client does.
func (m *market) finish(ctx context.Context) error {
	for ctx.Err() == nil {
		m.mu.Lock()
		again := m.unsure
		m.unsure = nil
		m.mu.Unlock()
		if len(again) == 0 {
			return nil
		}
		for _, t := range again {
			m.submit(ctx, t)
		}
		_ = sleep(ctx, pollAfter)
	}
	return ctx.Err()
}

// session is the customer's part of the Online Marketplace benchmark: a new cart
// gets 1 to 10 lines of 1 to 10 pieces, and is checked out. Its latency is that
// of all of it.
func (m *market) session(ctx context.Context) result {
	c := m.take(&m.resting)
	if c == nil {
		c = &visitor{}
	}
	c.cart, c.lines = uuid.NewString(), nil
	lines := 1 + m.dice(mostLines)
	for n := range lines {
		if a := m.putLine(ctx, c, 1+m.dice(mostPieces)); a.class() != OK {
			r := one(a)
			r.sent = n + 1
			return r
		}
	}
	r := m.buy(ctx, c)
	r.sent += lines
	return r
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
