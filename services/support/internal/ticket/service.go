package ticket

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/page"
)

// Store keeps tickets. A ticket that is not there is ErrMissing.
type Store interface {
	// Create writes the new ticket that open gives, which has this ID and
	// customer, puts it into its lists and announces it.
	Create(ctx context.Context, id, customerID string, open func(Settings) (Ticket, error)) (Ticket, error)
	Get(ctx context.Context, id string) (Ticket, error)
	// Find gives those of the tickets that are there.
	Find(ctx context.Context, ids []string) (map[string]Ticket, error)
	// Update runs change over the ticket, again on conflict, and writes and
	// announces what changed; it writes nothing where nothing did.
	Update(ctx context.Context, id string, change func(*Ticket, Settings) error) (Ticket, error)
	// List gives tickets, newest first; a page of a filtered query may be short.
	List(ctx context.Context, q Query, cursor string, limit int) (page.Of[Ticket], error)
	// Board gives an entry for every ticket that has not ended, in no order.
	Board(ctx context.Context) ([]Entry, Settings, error)
	Settings(ctx context.Context) (Settings, error)
	// SetSettings replaces the settings; a version other than 0 must be theirs.
	SetSettings(ctx context.Context, s Settings, version int64) (Settings, error)
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
	// Brief gives what to call an order by, and the language it was made in.
	Brief(ctx context.Context, orderID string) (Brief, error)
	// Recent gives the user's last orders, newest first, at most limit.
	Recent(ctx context.Context, userID string, limit int) ([]Order, error)
}

// Brief is an order in a few words.
type Brief struct {
	Number   string
	Language string
}

// Users is what tickets need of the users service.
type Users interface {
	// Profile gives an account; fault.NotFound where there is none.
	Profile(ctx context.Context, userID string) (Profile, error)
}

// Service is what can be done with tickets.
type Service struct {
	store     Store
	orders    Orders
	users     Users
	templates Templates
	files     Files
	log       *slog.Logger
	now       func() time.Time
	counts    atomic.Pointer[[]Count]
}

// NewService gives the service over its store and the apps that it asks.
func NewService(store Store, orders Orders, users Users, templates Templates, files Files, log *slog.Logger) *Service {
	return &Service{store: store, orders: orders, users: users, templates: templates, files: files, log: log, now: clock}
}

// Open makes a ticket of the caller. An order, or a ticket that it follows up,
// that is not the caller's is fault.Unprocessable and names the field.
func (s *Service) Open(ctx context.Context, who caller.Caller, d Draft) (Ticket, error) {
	if d.OrderID != "" {
		owner, err := s.orders.OwnerOf(ctx, d.OrderID)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return Ticket{}, err
		}
		if err != nil || owner != who.UserID {
			return Ticket{}, fault.New(fault.Unprocessable, "order_unknown", "You have no such order.").At("/order_id", "is not one of your orders")
		}
	}
	if d.FollowUpOf != "" {
		owner, err := s.CustomerOf(ctx, d.FollowUpOf)
		if err != nil && fault.KindOf(err) != fault.NotFound {
			return Ticket{}, err
		}
		if err != nil || owner != who.UserID {
			return Ticket{}, fault.New(fault.Unprocessable, "ticket_unknown", "You have no such ticket.").At("/follow_up_of", "is not one of your tickets")
		}
	}
	id := uuid.Must(uuid.NewV7()).String()
	return s.store.Create(ctx, id, who.UserID, func(set Settings) (Ticket, error) { return New(id, who, d, set, s.now()) })
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
	_, err = s.store.Update(ctx, id, func(t *Ticket, set Settings) (err error) {
		m, err = t.Post(who, text, internal, set, s.now())
		return err
	})
	return m, err
}

// Assign gives a ticket to an agent, "" meaning the caller, who is one. A
// version other than 0 must be the ticket's, here and below.
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
	return s.store.Update(ctx, id, func(t *Ticket, _ Settings) error { return t.Assign(who, agentID, version, s.now()) })
}

// Unassign takes a ticket from who has it.
func (s *Service) Unassign(ctx context.Context, who caller.Caller, id string, version int64) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket, _ Settings) error { return t.Assign(who, "", version, s.now()) })
}

// Hold puts a ticket on hold.
func (s *Service) Hold(ctx context.Context, who caller.Caller, id string, version int64) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket, set Settings) error { return t.Hold(who, version, set, s.now()) })
}

// Resolve says that a ticket is done.
func (s *Service) Resolve(ctx context.Context, who caller.Caller, id string, version int64) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket, set Settings) error { return t.Resolve(who, version, set, s.now()) })
}

// Close closes a ticket.
func (s *Service) Close(ctx context.Context, who caller.Caller, id string, version int64) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket, set Settings) error { return t.Close(who, version, set, s.now()) })
}

// Sort files a ticket.
func (s *Service) Sort(ctx context.Context, who caller.Caller, id string, in Sorting, version int64) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket, set Settings) error { return t.Sort(who, in, version, set, s.now()) })
}

// Rate notes the customer's rating.
func (s *Service) Rate(ctx context.Context, who caller.Caller, id string, score int, comment string) (Ticket, error) {
	return s.store.Update(ctx, id, func(t *Ticket, _ Settings) error { return t.Rate(who, score, comment, s.now()) })
}

// CustomerOf gives the customer of a ticket.
func (s *Service) CustomerOf(ctx context.Context, id string) (string, error) {
	t, err := s.store.Get(ctx, id)
	return t.CustomerID, err
}

// clock gives the time to the microsecond, which is what other systems can keep of it.
func clock() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }
