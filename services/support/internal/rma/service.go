package rma

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/internal/page"
)

// Store keeps returns. What is not there is ErrMissing.
type Store interface {
	// Change runs change over the returns of an order (none yet: an empty
	// document), again on conflict, and writes and announces what changed.
	Change(ctx context.Context, orderID string, change func(*OfOrder) error) (OfOrder, error)
	// Open is Change, under the shop's policies of that moment.
	Open(ctx context.Context, orderID string, open func(*OfOrder, Policies) error) (OfOrder, error)
	// OrderOf gives the order that a return belongs to.
	OrderOf(ctx context.Context, id string) (string, error)
	Get(ctx context.Context, id string) (Return, error)
	// List gives returns, newest first; a page of a filtered query may be short.
	List(ctx context.Context, q Query, cursor string, limit int) (page.Of[Return], error)
	// Unrefunded gives the returns that owe a refund, or its being noted, those
	// that have waited longest first; there may be more.
	Unrefunded(ctx context.Context) ([]Return, error)
	// InTrace does something for an order's returns as a part of what has begun it.
	InTrace(ctx context.Context, orderID, what string, do func(context.Context) error) error
	Policies(ctx context.Context) (Policies, error)
	// SetPolicies replaces the policies; a version other than 0 must be theirs.
	SetPolicies(ctx context.Context, p Policies, version int64) (Policies, error)
}

// Query selects returns; zero values select all.
type Query struct {
	CustomerID string
	Status     Status
}

// Filters says whether the query leaves out returns of the list it reads.
func (q Query) Filters() bool { return q.Status != "" }

// Match says whether the query selects the return.
func (q Query) Match(r Return) bool {
	return (q.CustomerID == "" || q.CustomerID == r.CustomerID) && (q.Status == "" || q.Status == r.Status)
}

// Orders is what returns need of the orders service.
type Orders interface {
	// Order gives an order; fault.NotFound where there is none.
	Order(ctx context.Context, id string) (Order, error)
	// Refund refunds what came back, or exchanges it. A repeat with the same refund ID
	// refunds nothing more and gives the same amount, and how far an exchange has come.
	Refund(ctx context.Context, orderID, refundID string, came []Came) (Made, error)
}

// Made is what orders has made of a receipt.
type Made struct {
	Amount   money.Money // refunded at once
	Exchange *Exchange   // nil: nothing is exchanged
}

// Tickets is what returns need of the tickets.
type Tickets interface {
	// CustomerOf gives the customer of a ticket; fault.NotFound: none such.
	CustomerOf(ctx context.Context, ticketID string) (string, error)
}

// Service is what can be done with returns.
type Service struct {
	store   Store
	orders  Orders
	catalog Catalog
	tickets Tickets
	log     *slog.Logger
	now     func() time.Time
}

// NewService gives the service over its store and what it asks.
func NewService(store Store, orders Orders, catalog Catalog, tickets Tickets, log *slog.Logger) *Service {
	return &Service{store: store, orders: orders, catalog: catalog, tickets: tickets, log: log, now: clock}
}

// Request opens a return of the caller's order; an agent may for any order, and
// when the shop's window is over.
func (s *Service) Request(ctx context.Context, who caller.Caller, orderID, ticketID string, lines []Line) (Return, error) {
	agent := who.Is(caller.SupportAgent)
	order, err := s.orders.Order(ctx, orderID)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return Return{}, err
	}
	if err != nil || (!agent && order.UserID != who.UserID) {
		return Return{}, fault.New(fault.Unprocessable, "order_unknown", "You have no such order.").At("/order_id", "is not one of your orders")
	}
	if ticketID != "" {
		customer, err := s.tickets.CustomerOf(ctx, ticketID)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return Return{}, err
		}
		if err != nil || (!agent && customer != who.UserID) {
			return Return{}, fault.New(fault.Unprocessable, "ticket_unknown", "You have no such ticket.").At("/ticket_id", "is not one of your tickets")
		}
	}
	if !order.Delivered {
		return Return{}, ErrNotDelivered
	}
	if err := s.exchangeable(ctx, order.Currency, lines); err != nil {
		return Return{}, err
	}
	now := s.now()
	r := Return{
		ID: uuid.Must(uuid.NewV7()).String(), OrderID: orderID, CustomerID: order.UserID, TicketID: ticketID,
		Lines: lines, OpenedBy: who.UserID, CreatedAt: now, UpdatedAt: now,
	}
	o, err := s.store.Open(ctx, orderID, func(o *OfOrder, p Policies) error { return o.Open(r, order, p, agent, now) })
	if err != nil {
		return Return{}, err
	}
	return o.Find(r.ID)
}

// Get gives a return that the caller may see.
func (s *Service) Get(ctx context.Context, who caller.Caller, id string) (Return, error) {
	r, err := s.store.Get(ctx, id)
	if err != nil {
		return Return{}, err
	}
	return r, r.VisibleTo(who)
}

// List gives the caller's returns, or for agents those of the query.
func (s *Service) List(ctx context.Context, who caller.Caller, q Query, cursor string, limit int) (page.Of[Return], error) {
	if !who.Is(caller.SupportAgent) {
		q.CustomerID = who.UserID
	}
	return s.store.List(ctx, q, cursor, limit)
}

// Approve lets the customer send the goods, under a label or none. A version other than 0 must be
// the return's, here and below.
func (s *Service) Approve(ctx context.Context, id string, version int64, label Label) (Return, error) {
	return s.changeOne(ctx, id, func(o *OfOrder) error { return o.Approve(id, version, label, s.now()) })
}

// SetLabel states what the goods of a return are sent under.
func (s *Service) SetLabel(ctx context.Context, id string, version int64, label Label) (Return, error) {
	return s.changeOne(ctx, id, func(o *OfOrder) error { return o.SetLabel(id, version, label, s.now()) })
}

// Policies gives the shop's rules for returns.
func (s *Service) Policies(ctx context.Context) (Policies, error) { return s.store.Policies(ctx) }

// SetPolicies replaces them. They hold for what is asked for from now on.
func (s *Service) SetPolicies(ctx context.Context, p Policies, version int64) (Policies, error) {
	if err := p.Check(); err != nil {
		return Policies{}, err
	}
	return s.store.SetPolicies(ctx, p, version)
}

// Reject refuses a return and tells the customer why.
func (s *Service) Reject(ctx context.Context, id string, version int64, reason string) (Return, error) {
	return s.changeOne(ctx, id, func(o *OfOrder) error { return o.Reject(id, version, reason, s.now()) })
}

func (s *Service) changeOne(ctx context.Context, id string, fn func(*OfOrder) error) (Return, error) {
	orderID, err := s.store.OrderOf(ctx, id)
	if err != nil {
		return Return{}, err
	}
	return s.change(ctx, orderID, id, fn)
}

func (s *Service) change(ctx context.Context, orderID, id string, fn func(*OfOrder) error) (Return, error) {
	o, err := s.store.Change(ctx, orderID, fn)
	if err != nil {
		return Return{}, err
	}
	return o.Find(id)
}

// clock gives the time to the microsecond, which is what other systems can keep of it.
func clock() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
