package promotion

import (
	"slices"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/order"
)

// foldAfter is how long after its confirmation a use may be folded into the count.
// A use is only ever taken by an update that reads, in the same call, that its order
// is pending; such a read lasts 20 s at most (internal/sidecar), so that none from
// before the confirmation is under way by then. One that is even later finds that
// the document has changed since it was read, or that the order is not pending.
const foldAfter = 30 * time.Second

// maxOpen bounds the uses whose orders have not been shipped: 0.6 MB of document.
const maxOpen = 10_000

// Errors of a use.
var (
	ErrUsedUp = fault.New(fault.Unprocessable, "promotion_used_up", "This promotion has been used as often as it can be.")
	ErrYours  = fault.New(fault.Unprocessable, "promotion_used_by_you", "You have used this promotion as often as you can.")
	ErrEnded  = fault.New(fault.Conflict, "order_not_pending", "The order has been ended meanwhile.")
	errBusy   = fault.New(fault.Conflict, "promotion_busy", "Too many orders with this promotion wait for their shipment.")
)

// Use is an order that has used a promotion.
type Use struct {
	Order string `json:"o"`
	User  string `json:"u,omitempty"` // "": a guest, or nobody counts by user
	At    int64  `json:"t"`           // Unix time
}

// Uses is who uses a promotion. Its document is what keeps the limit: uses that can
// still come back are named, the others only counted.
type Uses struct {
	Folded int   `json:"folded"`
	Open   []Use `json:"open"`
}

// Count gives how often the promotion was used.
func (u *Uses) Count() int { return u.Folded + len(u.Open) }

// Has says whether an order has an open use.
func (u *Uses) Has(orderID string) bool { return u.find(orderID) >= 0 }

func (u *Uses) find(orderID string) int {
	return slices.IndexFunc(u.Open, func(x Use) bool { return x.Order == orderID })
}

// UserUses is the orders with which one user has used a promotion; as many as it may
// be used by one, at most.
type UserUses struct {
	Orders []string `json:"orders"`
}

// UserKey names the document of a user's uses.
type UserKey struct{ Promotion, User string }

// Ledger is the documents of one update.
type Ledger struct {
	Uses map[string]*Uses // by promotion
	Mine map[UserKey]*UserUses
	// Orders gives those of the orders that there are.
	Orders func(ids ...string) (map[string]*order.Order, error)

	ChangedUses map[string]bool
	ChangedMine map[UserKey]bool
}

// Ask is an order that wants to use promotions, all or none.
type Ask struct {
	Order, User string
	Promotions  []Promotion
}

// Refusal says which promotion an ask was refused for.
type Refusal struct {
	Promotion Promotion
	Why       *fault.Error
}

func (r *Refusal) Error() string { return r.Promotion.ID + ": " + r.Why.Error() }

// Unwrap gives the reason.
func (r *Refusal) Unwrap() error { return r.Why }

// Take uses promotions for an order. A repeat changes nothing.
func (l *Ledger) Take(a Ask, now time.Time) error {
	orders, err := l.Orders(a.Order)
	if err != nil {
		return err
	}
	if o := orders[a.Order]; o == nil || o.Status != order.Pending {
		return ErrEnded
	}
	for _, p := range a.Promotions {
		why, err := l.room(p, a)
		if err != nil {
			return err
		}
		if why != nil {
			return &Refusal{p, why}
		}
	}
	for _, p := range a.Promotions {
		u, use := l.Uses[p.ID], Use{Order: a.Order, At: now.Unix()}
		if p.PerUser > 0 {
			key := UserKey{p.ID, a.User}
			use.User = a.User
			if mine := l.Mine[key]; !slices.Contains(mine.Orders, a.Order) {
				mine.Orders, l.ChangedMine[key] = append(mine.Orders, a.Order), true
			}
		}
		if !u.Has(a.Order) {
			u.Open, l.ChangedUses[p.ID] = append(u.Open, use), true
		}
	}
	return nil
}

// room gives why a promotion cannot be used by one more order, nil if it can.
func (l *Ledger) room(p Promotion, a Ask) (*fault.Error, error) {
	u := l.Uses[p.ID]
	if !u.Has(a.Order) {
		switch {
		case p.Limit > 0 && u.Count() >= p.Limit:
			return ErrUsedUp, nil
		case len(u.Open) >= maxOpen:
			return errBusy, nil
		}
	}
	if p.PerUser == 0 {
		return nil, nil
	}
	mine := l.Mine[UserKey{p.ID, a.User}]
	if slices.Contains(mine.Orders, a.Order) || len(mine.Orders) < p.PerUser {
		return nil, nil
	}
	// Before somebody is refused, what was left by orders that came to nothing goes.
	orders, err := l.Orders(mine.Orders...)
	if err != nil {
		return nil, err
	}
	left := slices.DeleteFunc(slices.Clone(mine.Orders), func(id string) bool {
		o := orders[id]
		return o != nil && o.Status != order.Pending && !kept(o, p.ID)
	})
	if len(left) < len(mine.Orders) {
		mine.Orders, l.ChangedMine[UserKey{p.ID, a.User}] = left, true
	}
	if len(left) < p.PerUser {
		return nil, nil
	}
	return ErrYours, nil
}

// kept says whether an order that is not pending has used a promotion for good: it
// was confirmed with it and has not been cancelled.
func kept(o *order.Order, promotionID string) bool {
	return o.Status != order.Cancelled && slices.Contains(o.Redeemed, promotionID)
}

// sent says whether something of an order was shipped, so that it cannot be cancelled.
func sent(o *order.Order) bool {
	return o.Status == order.PartiallyShipped || o.Status == order.Shipped || o.Status == order.Delivered
}

// Settle looks at open uses of a promotion: those of orders that came to nothing, were
// cancelled, or were confirmed without it are given back, those of orders that have
// been shipped are folded into the count: their use cannot come back.
func (l *Ledger) Settle(promotionID string, ids []string, now time.Time) error {
	u := l.Uses[promotionID]
	orders, err := l.Orders(ids...)
	if err != nil {
		return err
	}
	for _, id := range ids {
		i := u.find(id)
		if i < 0 {
			continue
		}
		use, o := u.Open[i], orders[id]
		switch {
		case o == nil && now.Sub(time.Unix(use.At, 0)) < foldAfter:
			continue
		case o == nil || o.Status != order.Pending && !kept(o, promotionID):
			if mine := l.Mine[UserKey{promotionID, use.User}]; mine != nil && slices.Contains(mine.Orders, id) {
				mine.Orders = slices.DeleteFunc(mine.Orders, func(x string) bool { return x == id })
				l.ChangedMine[UserKey{promotionID, use.User}] = true
			}
		case sent(o) && now.Sub(o.ConfirmedAt) >= foldAfter:
			u.Folded++
		default:
			continue
		}
		u.Open = slices.Delete(u.Open, i, i+1)
		l.ChangedUses[promotionID] = true
	}
	return nil
}
