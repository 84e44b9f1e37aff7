package ticket

import (
	"context"
	"sync"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
	"tienda/internal/money"
)

// Bounds of the customer view: how long a part may take before it counts as
// away, and the orders shown.
const (
	customerWait = 3 * time.Second
	recentOrders = 10
)

// The parts of the customer view that another service owns.
const (
	PartProfile = "profile"
	PartOrders  = "orders"
)

// Profile is the account behind a ticket.
type Profile struct {
	ID        string
	Email     string
	Name      string
	Roles     []string
	CreatedAt time.Time
}

func (p Profile) isAgent() bool {
	c := caller.Caller{UserID: p.ID}
	for _, r := range p.Roles {
		c.Roles = append(c.Roles, caller.Role(r))
	}
	return c.Is(caller.SupportAgent)
}

// Order is what an agent sees of an order at a glance.
type Order struct {
	ID        string
	Number    string
	Status    string
	Total     money.Money
	CreatedAt time.Time
}

// Customer is what is known about the customer of a ticket.
type Customer struct {
	ID          string
	Profile     *Profile // nil: gone, or not to be had
	Orders      []Order  // nil: not to be had
	Unavailable []string // the parts whose service did not answer
}

// Customer gives what an agent needs to know about the customer of a ticket.
// The parts are fetched side by side; one that cannot be had is left out and
// named, for an agent with half the picture is better off than with none.
func (s *Service) Customer(ctx context.Context, who caller.Caller, id string) (Customer, error) {
	t, err := s.Get(ctx, who, id)
	if err != nil {
		return Customer{}, err
	}
	c := Customer{ID: t.CustomerID}
	ctx, cancel := context.WithTimeout(ctx, customerWait)
	defer cancel()
	var profileErr, ordersErr error
	var g sync.WaitGroup
	g.Go(func() {
		var p Profile
		if p, profileErr = s.users.Profile(ctx, t.CustomerID); profileErr == nil {
			c.Profile = &p
		}
	})
	g.Go(func() { c.Orders, ordersErr = s.orders.Recent(ctx, t.CustomerID, recentOrders) })
	g.Wait()
	if profileErr != nil && fault.KindOf(profileErr) != fault.NotFound {
		s.log.WarnContext(ctx, "customer view without profile", "ticket", id, "error", profileErr)
		c.Unavailable = append(c.Unavailable, PartProfile)
	}
	if ordersErr != nil {
		s.log.WarnContext(ctx, "customer view without orders", "ticket", id, "error", ordersErr)
		c.Orders, c.Unavailable = nil, append(c.Unavailable, PartOrders)
	}
	return c, nil
}
