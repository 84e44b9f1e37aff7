package ticket

import (
	"context"
	"log/slog"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/page"
)

// Store keeps tickets. A ticket that is not there is ErrMissing.
type Store interface {
	// Create writes a new ticket, puts it into its lists and announces it.
	Create(ctx context.Context, t Ticket) (Ticket, error)
	Get(ctx context.Context, id string) (Ticket, error)
	// Update runs change over the ticket, again on conflict, and writes and
	// announces what changed; it writes nothing where nothing did.
	Update(ctx context.Context, id string, change func(*Ticket) error) (Ticket, error)
	// List gives tickets, newest first; a page of a filtered query may be short.
	List(ctx context.Context, q Query, cursor string, limit int) (page.Of[Ticket], error)
}

// Query selects tickets; zero values select all.
type Query struct {
	CustomerID string
	Status     Status
	AssignedTo *string // an agent, or "" for nobody
}

// Filters says whether the query leaves out tickets of the list it reads.
func (q Query) Filters() bool { return q.Status != "" || q.AssignedTo != nil }

// Match says whether the query selects the ticket.
func (q Query) Match(t Ticket) bool {
	return (q.CustomerID == "" || q.CustomerID == t.CustomerID) && (q.Status == "" || q.Status == t.Status) &&
		(q.AssignedTo == nil || *q.AssignedTo == t.AssignedTo)
}

// Orders is what tickets need of the orders service.
type Orders interface {
	// OwnerOf gives the user of an order, "" for a guest's; fault.NotFound
	// where there is no such order.
	OwnerOf(ctx context.Context, orderID string) (string, error)
	// Recent gives the user's last orders, newest first, at most limit.
	Recent(ctx context.Context, userID string, limit int) ([]Order, error)
}

// Users is what tickets need of the users service.
type Users interface {
	// Profile gives an account; fault.NotFound where there is none.
	Profile(ctx context.Context, userID string) (Profile, error)
}

// Service is what can be done with tickets.
type Service struct {
	store  Store
	orders Orders
	users  Users
	log    *slog.Logger
	now    func() time.Time
}

// NewService gives the service over its store and the apps that it asks.
func NewService(store Store, orders Orders, users Users, log *slog.Logger) *Service {
	return &Service{store: store, orders: orders, users: users, log: log, now: func() time.Time { return time.Now().UTC() }}
}

// Open makes a ticket of the caller. An order that is not the caller's is
// fault.Unprocessable and names /order_id.
func (s *Service) Open(ctx context.Context, who caller.Caller, subject, text string, about Category, orderID string) (Ticket, error) {
	if orderID != "" {
		owner, err := s.orders.OwnerOf(ctx, orderID)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return Ticket{}, err
		}
		if err != nil || owner != who.UserID {
			return Ticket{}, fault.New(fault.Unprocessable, "order_unknown", "You have no such order.").At("/order_id", "is not one of your orders")
		}
	}
	return s.store.Create(ctx, New(who, subject, text, about, orderID, s.now()))
}

// Get gives a ticket that the caller may see.
func (s *Service) Get(ctx context.Context, who caller.Caller, id string) (Ticket, error) {
	t, err := s.store.Get(ctx, id)
	if err != nil {
		return Ticket{}, err
	}
	return t, t.VisibleTo(who)
}

// List gives the caller's tickets, or for agents those of the query.
func (s *Service) List(ctx context.Context, who caller.Caller, q Query, cursor string, limit int) (page.Of[Ticket], error) {
	if !who.Is(caller.SupportAgent) {
		agents := fault.New(fault.Forbidden, "role_missing", "Your account may not do this.")
		switch {
		case q.AssignedTo != nil:
			return page.Of[Ticket]{}, agents.At("assigned_to", "is for agents")
		case q.CustomerID != "" && q.CustomerID != who.UserID:
			return page.Of[Ticket]{}, agents.At("customer_id", "is for agents")
		}
		q.CustomerID = who.UserID
	}
	return s.store.List(ctx, q, cursor, limit)
}

// Post adds a message of the caller.
func (s *Service) Post(ctx context.Context, who caller.Caller, id, text string, internal bool) (m Message, err error) {
	_, err = s.store.Update(ctx, id, func(t *Ticket) (err error) {
		m, err = t.Post(who, text, internal, s.now())
		return err
	})
	return m, err
}

// Assign gives a ticket to an agent, "" meaning the caller, who is one. A
// version other than 0 must be the ticket's.
func (s *Service) Assign(ctx context.Context, who caller.Caller, id, agentID string, version int64) (Ticket, error) {
	switch agentID {
	case "", who.UserID:
		agentID = who.UserID
	default:
		p, err := s.users.Profile(ctx, agentID)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return Ticket{}, err
		}
		if err != nil || !p.isAgent() {
			return Ticket{}, fault.New(fault.Unprocessable, "not_an_agent", "Tickets are given to support agents.").At("/agent_id", "is not a support agent")
		}
	}
	return s.store.Update(ctx, id, func(t *Ticket) error { return t.Assign(who, agentID, version, s.now()) })
}

// Close closes a ticket. A version other than 0 must be the ticket's.
func (s *Service) Close(ctx context.Context, who caller.Caller, id string, version int64) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket) error { return t.Close(who, version, s.now()) })
}

// CustomerOf gives the customer of a ticket.
func (s *Service) CustomerOf(ctx context.Context, id string) (string, error) {
	t, err := s.store.Get(ctx, id)
	return t.CustomerID, err
}
