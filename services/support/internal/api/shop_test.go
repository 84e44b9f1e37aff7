package api

import (
	"context"
	"sync"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/support/internal/rma"
	"tienda/services/support/internal/ticket"
)

// shop is the other apps, as support sees them.
type shop struct {
	mu         sync.Mutex
	ordersAway bool
	usersAway  bool
	refusal    error // what Refund answers

	deliveredAt time.Time
	files       map[string][]byte
	filesAway   bool
	refunds     map[string]int
	asked       []rma.Came // of the last refund
}

var errAway = fault.New(fault.Unavailable, "unavailable", "Away.")

func (s *shop) Order(_ context.Context, id string) (rma.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ordersAway {
		return rma.Order{}, errAway
	}
	owner, ok := map[string]string{delivered: ana.UserID, shipped: ana.UserID, bobs: bob.UserID, guests: ""}[id]
	if !ok {
		return rma.Order{}, fault.Missing("order")
	}
	return rma.Order{
		ID: id, UserID: owner, Delivered: id != shipped, DeliveredAt: s.deliveredAt, Currency: "EUR", Bought: map[string]int{"LAMP": 2, "BULB": 1},
		Sold: map[string]rma.Sold{"LAMP": {Category: "lamps", Paid: 4000}, "BULB": {Category: "bulbs", Paid: 500}},
	}, nil
}

func (s *shop) OwnerOf(ctx context.Context, id string) (string, error) {
	o, err := s.Order(ctx, id)
	return o.UserID, err
}

func (s *shop) Brief(ctx context.Context, id string) (ticket.Brief, error) {
	_, err := s.Order(ctx, id)
	return ticket.Brief{Number: "T-0000-0001", Language: "es"}, err
}

func (s *shop) Recent(_ context.Context, userID string, _ int) ([]ticket.Order, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ordersAway {
		return nil, errAway
	}
	if userID != ana.UserID {
		return []ticket.Order{}, nil
	}
	return []ticket.Order{{ID: delivered, Number: "T-0000-0001", Status: "delivered", Total: money.New(1000, "EUR"), CreatedAt: time.Now().UTC()}}, nil
}

func (s *shop) Refund(_ context.Context, _, returnID string, came []rma.Came) (rma.Made, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ordersAway {
		return rma.Made{}, errAway
	}
	if s.refusal != nil {
		return rma.Made{}, s.refusal
	}
	var n int64
	for _, c := range came {
		if c.Deduction < 100 {
			n += int64(c.Quantity)
		}
	}
	s.refunds[returnID]++
	s.asked = came
	if came[0].Exchange != "" && came[0].Deduction == 0 {
		return rma.Made{Amount: money.New(0, "EUR"), Exchange: &rma.Exchange{OrderID: replacement, Status: rma.ExchangePlaced}}, nil
	}
	return rma.Made{Amount: money.New(500*n, "EUR")}, nil
}

func (s *shop) Sold(_ context.Context, currency string, skus []string) (map[string]bool, error) {
	out := map[string]bool{}
	for _, sku := range skus {
		out[sku] = currency == "EUR" && sku != "UNKNOWN"
	}
	return out, nil
}

func (s *shop) Profile(_ context.Context, id string) (ticket.Profile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.usersAway {
		return ticket.Profile{}, errAway
	}
	for _, p := range []caller.Caller{ana, agent, boss, stock} {
		if p.UserID == id {
			return ticket.Profile{ID: id, Email: "x@example.com", Name: "X", Roles: []string{string(p.Roles[0])}, CreatedAt: time.Now().UTC()}, nil
		}
	}
	return ticket.Profile{}, fault.Missing("account")
}

func (s *shop) away(orders, users bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ordersAway, s.usersAway = orders, users
}
