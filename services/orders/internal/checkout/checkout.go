// Package checkout turns a cart into an order: a saga that the order document
// drives, each step safe to repeat by the order's ID.
//
//	pending    the order is written with the cart's lines, the cart is emptied
//	reserved   catalog holds the stock and states the prices
//	redeemed   limited promotions count the order; without one there is no such step
//	paid       the card is authorised with the total; without a card there is no such step
//	confirmed  the order has its prices and is announced
//
// What catalog refuses is cancelled and its lines go back into the cart. What
// cannot be reached leaves the order pending: a repeat of the request or the
// recovery takes it on from there. An order whose process died on the way is
// found in that process's journal and taken on by another replica, or by the
// same one after its restart.
//
// An order that replaces what was sent back of another one is made here, too: see
// Service.Exchange.
package checkout

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/order"
	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/shopper"
	"tienda/services/orders/internal/terms"
)

// Times of the saga.
const (
	driveLimit = 8 * time.Second  // of one try to settle an order
	noteLimit  = time.Second      // of noting that it was left
	abandoned  = 10 * time.Second // a pending order this old is driven by nobody: longer than driveLimit
	keyLife    = 24 * time.Hour   // from then on the key of a settled order may begin another one
)

// Errors of a checkout.
var (
	ErrCart       = fault.New(fault.Conflict, "cart_empty_or_taken", "The cart is empty, or another checkout has just taken it.")
	ErrInProgress = fault.New(fault.Conflict, "checkout_in_progress", "This checkout is under way. Repeat it in some seconds.")
	ErrKeyReused  = fault.New(fault.Unprocessable, "idempotency_key_reused", "This key was used for another request.").
			At("Idempotency-Key", "belongs to another request")
	errNoAddress = fault.New(fault.Unprocessable, "address_required", "The account has no address to send to.").
			At("/address", "is required")
	errToken = fault.New(fault.Unprocessable, "payment_token_required", "A card is named by a token of the payment provider.").
			At("/payment_token", "is required with card")
	errNoToken = fault.New(fault.Unprocessable, "payment_token_unwanted", "Only a card has a token.").
			At("/payment_token", "is for card only")
	errCurrency = fault.New(fault.Unprocessable, "currency_unsupported", "There is no such currency.").
			At("/currency", "is not an ISO 4217 code")
)

// Request is what a shopper asks for.
type Request struct {
	Key         string // the client's idempotency key
	Fingerprint string // SHA-256 of the request, to tell a repeat from a reuse of the key
	Currency    string // "": as the account prefers, else cart.DefaultCurrency
	Email       string // "": the account's
	Address     *order.Address
	AddressID   string // one of the account's
	Method      order.PaymentMethod
	Token       string // of the card, from the provider
	Note        string
	Language    string       // BCP 47, of the client: for letters where the account says none
	Shipping    string       // the method; "": the cheapest
	Expected    *money.Money // the total that the shopper has seen; nil: any will do
}

// Profile is what users knows of the shopper for a checkout.
type Profile struct {
	Email, Currency, Language string
	Address                   *order.Address // nil: none to take
}

// Users gives a user's profile with the address of an ID, or the default one.
type Users interface {
	Profile(ctx context.Context, userID, addressID string) (Profile, error)
}

// Catalog reserves stock.
type Catalog interface {
	// Reserve holds all lines or none for an order and gives them with their
	// prices; a repeat gives the same. A refusal is fault.Unprocessable or
	// fault.Conflict; anything else says nothing about the reservation.
	Reserve(ctx context.Context, orderID, currency string, lines []order.Line) ([]order.Line, error)
}

// Terms are what prices hang on.
type Terms interface {
	Get(ctx context.Context) (*terms.Terms, error)
}

// Promotions counts the uses of those that are limited.
type Promotions interface {
	Take(ctx context.Context, a promotion.Ask) error
}

// Cashier deals with the payment provider.
type Cashier interface {
	// Authorise has an amount held on the order's card. cashier.ErrUnknown says that
	// the outcome is not known.
	Authorise(ctx context.Context, o *order.Order, amount int64, fresh bool) (payment.Outcome, error)
	// Run does what an order that is not pending owes.
	Run(ctx context.Context, id string, fresh bool) error
	// Due is Run in the background.
	Due(ctx context.Context, id string)
}

// Begun is what the first step makes of what it finds.
type Begun struct {
	Put     *order.Order // to be written, and listed among its owner's
	Refused *order.Order // to be written instead: the record of a refusal, which is not listed
}

// Store keeps orders and carts for the saga.
type Store interface {
	// Begin runs fn over the order, nil for none, and the shopper's cart, all
	// read in one call, and writes what fn says and the cart where it changed
	// in one transaction. fn may run more than once.
	Begin(ctx context.Context, who shopper.Shopper, orderID string, fn func(*order.Order, *cart.Cart) (Begun, error)) error
	// Confirm runs fn over the order and writes and announces what changed.
	Confirm(ctx context.Context, orderID string, fn func(*order.Order) error) (*order.Order, error)
	// Return is Confirm with the owner's cart, written in the same transaction.
	Return(ctx context.Context, orderID string, fn func(*order.Order, *cart.Cart) error) (*order.Order, error)
	// Gave reads an order and whether its owner's cart gave it its lines.
	Gave(ctx context.Context, orderID string) (o *order.Order, gave bool, err error)
	// Replacement writes a replacement, and lists it among its owner's, unless it is
	// there, and gives what is there then.
	Replacement(ctx context.Context, r *order.Order) (*order.Order, error)
	// InTrace does something for an order as a part of what has begun it.
	InTrace(ctx context.Context, orderID, what string, do func(context.Context) error) error
	// Finished says that this replica has nothing more to do for an order, as it was in a
	// version; what a later one owes is not meant.
	Finished(orderID string, version int64)
	// The list of orders that were left unsettled. Unmark leaves one on it that is
	// pending or owes something.
	MarkUnsettled(ctx context.Context, orderID string) error
	UnmarkUnsettled(ctx context.Context, orderID string) error
	Unsettled(ctx context.Context) ([]string, error)
}

// Service runs checkouts.
type Service struct {
	store   Store
	users   Users
	catalog Catalog
	terms   Terms
	uses    Promotions
	cashier Cashier
	now     func() time.Time

	mu     sync.Mutex
	left   map[string]bool  // orders that this replica left unsettled; true: noted in the store
	cutOff string           // where the last turn of the recovery had no more time; "": nowhere
	census map[string]found // what the recovery has last found of each order in its list
	ends   map[string]int64 // how tries to settle an order have ended
}

// NewService gives the service over its store and the other apps.
func NewService(store Store, users Users, catalog Catalog, t Terms, p Promotions, c Cashier) *Service {
	return &Service{
		store: store, users: users, catalog: catalog, terms: t, uses: p, cashier: c, left: map[string]bool{},
		now: func() time.Time { return time.Now().UTC() },
	}
}

// Submit runs a checkout, or answers for the order that an earlier request
// with the same key has made within a day (replayed). An order that is still pending
// waits for the payment provider.
func (s *Service) Submit(ctx context.Context, who shopper.Shopper, r Request) (o *order.Order, replayed bool, err error) {
	owner := who.Owner()
	if owner == "" {
		return nil, false, shopper.ErrNobody
	}
	if err := r.check(who); err != nil {
		return nil, false, err
	}
	id := order.IDFor(owner, r.Key)
	for {
		o, replayed, err = s.submit(ctx, who, r, id)
		if !errors.Is(err, errExpired) {
			return o, replayed, err
		}
		id = order.IDAfter(id)
	}
}

// errExpired says that the order which the key made is of another day.
var errExpired = errors.New("the key has expired")

// submit is Submit for the order ID that the key stands for.
func (s *Service) submit(ctx context.Context, who shopper.Shopper, r Request, id string) (o *order.Order, replayed bool, err error) {
	attempt := uuid.NewString()
	var profile *Profile // asked for once, however often the cart changes meanwhile
	var found, made, refused *order.Order
	var gave, begun bool
	owner := who.Owner()
	err = s.store.Begin(ctx, who, id, func(existing *order.Order, c *cart.Cart) (Begun, error) {
		found, made, refused, begun = nil, nil, nil, false
		// Once somebody else has ended it, it is as it is.
		ours := existing != nil && existing.Attempt == attempt && existing.Status == order.Pending
		gave = c.Gave(id)
		switch {
		case existing != nil && !ours:
			found = existing
			return Begun{}, nil
		case ours && gave: // an earlier run got this far on a store that writes halves
			made = existing
			return Begun{Put: existing}, nil
		case existing == nil && gave: // another try has begun it between our reads of the order and of the cart
			begun = true
			return Begun{}, nil
		case len(c.Lines) == 0:
			// The cart is written as well: a try that takes lines meanwhile has a
			// conflict with this one in the cart, and not only in the order, which
			// on a store that does not roll back would cost the lines.
			c.Touch(s.now())
			refused = s.refusal(id, attempt, owner, r, ErrCart)
			return Begun{Refused: refused}, nil
		}
		if profile == nil {
			p, err := s.profile(ctx, who, r)
			if err != nil {
				return Begun{}, err
			}
			profile = &p
		}
		taken, codes, err := c.GiveTo(id, s.now())
		if err != nil {
			return Begun{}, err
		}
		made = s.draft(id, attempt, owner, r, *profile, taken)
		made.Asked.Codes = codes
		return Begun{Put: made}, nil
	})
	switch {
	case err != nil:
		return nil, false, err
	case begun:
		return nil, false, ErrInProgress
	case refused != nil:
		return nil, false, refused.Refusal.Fault()
	case made != nil:
		o, err = s.drive(ctx, made, start{gave: true, fresh: true})
		return o, false, err
	}
	if found.Status != order.Pending && s.now().Sub(found.CreatedAt) >= keyLife {
		return nil, false, errExpired
	}
	o, err = s.repeat(ctx, found, gave, r)
	return o, true, err
}

// repeat answers for an order that is there already.
func (s *Service) repeat(ctx context.Context, o *order.Order, gave bool, r Request) (*order.Order, error) {
	switch {
	case o.Request != r.Fingerprint:
		return nil, ErrKeyReused
	case o.Refused():
		return nil, o.Refusal.Fault()
	case o.Status != order.Pending:
		return o, nil
	case s.now().Sub(o.CreatedAt) < abandoned && !s.wasLeft(o.ID):
		return nil, ErrInProgress
	}
	return s.drive(ctx, o, start{gave: gave})
}

func (r Request) check(who shopper.Shopper) error {
	var fields []fault.Field
	bad := func(name, reason string) { fields = append(fields, fault.Field{Name: name, Reason: reason}) }
	if r.Address != nil && r.AddressID != "" {
		bad("/address_id", "cannot stand together with address")
	}
	if who.User == "" {
		if r.Email == "" {
			bad("/email", "is required")
		}
		if r.AddressID != "" {
			bad("/address_id", "a guest has no addresses")
		} else if r.Address == nil {
			bad("/address", "is required")
		}
	}
	if len(fields) > 0 {
		return fault.BadFields(fields...)
	}
	switch {
	case r.Method == order.Card && r.Token == "":
		return errToken
	case r.Method != order.Card && r.Token != "":
		return errNoToken
	}
	if r.Currency != "" && !money.ValidCurrency(r.Currency) {
		return errCurrency
	}
	return nil
}

// profile completes the request from the account, and asks users only for
// what the request leaves open.
func (s *Service) profile(ctx context.Context, who shopper.Shopper, r Request) (Profile, error) {
	p := Profile{Email: r.Email, Currency: r.Currency, Language: r.Language, Address: r.Address}
	if who.User != "" && (p.Email == "" || p.Currency == "" || p.Address == nil) {
		known, err := s.users.Profile(ctx, who.User, r.AddressID)
		if err != nil {
			return Profile{}, err
		}
		p.Language = cmp.Or(known.Language, r.Language)
		if p.Email == "" {
			p.Email = known.Email
		}
		if p.Currency == "" {
			p.Currency = known.Currency
		}
		if p.Address == nil {
			p.Address = known.Address
		}
	}
	if p.Currency == "" {
		p.Currency = cart.DefaultCurrency
	}
	if p.Address == nil {
		return Profile{}, errNoAddress
	}
	return p, nil
}

// refusal is the record of a checkout that ends before it has taken a cart, so
// that a repeat of its key gets the same answer whatever is in the cart by then.
// Nothing of the shopper is in it: the record is not listed, so that no erasure
// of his account would find it.
func (s *Service) refusal(id, attempt string, owner shopper.Owner, r Request, why *fault.Error) *order.Order {
	o := &order.Order{
		ID: id, Number: order.NumberFor(id), Owner: owner, Request: r.Fingerprint, Attempt: attempt,
		Status: order.Pending, Payment: order.Payment{Method: r.Method, Status: order.Due}, CreatedAt: s.now(),
	}
	o.End(why, o.CreatedAt)
	return o
}

func (s *Service) draft(id, attempt string, owner shopper.Owner, r Request, p Profile, taken []cart.Line) *order.Order {
	lines := make([]order.Line, len(taken))
	for i, l := range taken {
		lines[i] = order.Line{SKU: l.SKU, Quantity: l.Quantity}
	}
	now := s.now()
	pay := order.Payment{Method: r.Method, Status: order.Due}
	if r.Method == order.Card {
		pay.Status, pay.Card = order.PaymentPending, payment.New(id, r.Token, now)
	}
	return &order.Order{
		ID: id, Number: order.NumberFor(id), Owner: owner, Request: r.Fingerprint, Attempt: attempt,
		Status: order.Pending, Email: p.Email, Language: p.Language, Currency: p.Currency, Lines: lines,
		Address: *p.Address, Payment: pay, Note: r.Note, CreatedAt: now,
		Asked: order.Asked{Method: r.Shipping, Expected: r.Expected},
	}
}
