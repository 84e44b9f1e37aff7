// Package terms is what prices hang on, as a replica knows it: the settings, the
// promotions, and how often the limited ones were used.
package terms

import (
	"context"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/promotion"
	"tienda/services/orders/internal/settings"
	"tienda/services/orders/internal/shopper"
)

// Freshness is how often a replica reads the terms, so that none are older than
// MaxAge; should it not come to it, whoever needs them waits for them to be read.
const (
	Freshness = time.Second
	MaxAge    = 2 * time.Second
)

// Terms are the settings and promotions of one moment. They do not change.
type Terms struct {
	Tax      settings.Tax
	Shipping settings.Shipping
	Payments settings.Payments
	Book     *promotion.Book
	Uses     map[string]*promotion.Uses // of the limited promotions that can be used
}

// Source reads the terms.
type Source interface {
	Load(ctx context.Context) (*Terms, error)
}

// Model keeps the terms of a replica fresh.
type Model struct {
	source Source
	now    func() time.Time

	turn  chan struct{} // holds a token while somebody reads
	mu    sync.Mutex
	terms *Terms
	read  time.Time // when the reading of terms began
}

// NewModel gives an empty model, which reads when it is first asked.
func NewModel(source Source, now func() time.Time) *Model {
	return &Model{source: source, now: now, turn: make(chan struct{}, 1)}
}

// Refresh reads the terms. State: 1 bulk get; 1 more if a limited promotion can be
// used.
func (m *Model) Refresh(ctx context.Context) error {
	_, err := m.load(ctx, false)
	return err
}

// Get gives terms that are at most MaxAge old. State: nothing; as Refresh where that
// has not run in time.
func (m *Model) Get(ctx context.Context) (*Terms, error) {
	if t := m.fresh(); t != nil {
		return t, nil
	}
	return m.load(ctx, true)
}

// load waits for its turn and reads; with lazy, only if nobody has done so meanwhile.
func (m *Model) load(ctx context.Context, lazy bool) (*Terms, error) {
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if lazy {
		if t := m.fresh(); t != nil {
			return t, nil
		}
	}
	began := m.now()
	t, err := m.source.Load(ctx)
	if err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.terms, m.read = t, began
	return t, nil
}

func (m *Model) fresh() *Terms {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.terms == nil || m.now().Sub(m.read) > MaxAge {
		return nil
	}
	return m.terms
}

// Query is goods to be priced.
type Query struct {
	Currency string
	Lines    []pricing.Line
	To       *pricing.Destination // nil: not known; then without tax and shipping
	Method   string               // of shipping; "": the cheapest
	Codes    []string
	Owner    shopper.Owner
	At       time.Time
	Order    string          // of a checkout: then it is for the ledger to say what is used up
	Without  map[string]bool // promotions to leave out
}

// Code is a code of the query and what became of it.
type Code struct {
	Code   string
	Label  string         // "": there is no such code
	Reason pricing.Reason // why it gives nothing; "": it gives something
}

// The reasons that lie in the promotion and in who asks.
const (
	Unknown    pricing.Reason = "unknown_code"
	NotStarted pricing.Reason = "not_started"
	Expired    pricing.Reason = "expired"
	UsedUp     pricing.Reason = "used_up"
	SignIn     pricing.Reason = "sign_in_required" // a limit for each user needs a user
	NoCurrency pricing.Reason = "not_in_currency"
)

// Errors of shipping.
var (
	ErrNoShipping = fault.New(fault.Unprocessable, "no_shipping", "Nothing is sent there, or not so much of it.").
			At("/address", "is in none of the zones that we ship this to")
	ErrMethod = fault.New(fault.Unprocessable, "shipping_method_unknown", "This order cannot be sent that way.").
			At("/shipping_method", "is not one that is offered for this order")
	ErrTooLarge = fault.New(fault.Unprocessable, "total_too_large", "The total is more than an order can have.")
)

// Quote is what goods cost.
type Quote struct {
	pricing.Breakdown
	Offers   []pricing.Delivery
	Codes    []Code
	Limited  []promotion.Promotion // those that gave something and count their uses
	Delivery error                 // ErrNoShipping, ErrMethod, or nil
}

// Price prices goods under the terms.
func (t *Terms) Price(q Query) (Quote, error) {
	var out Quote
	r := pricing.Request{Lines: q.Lines, To: q.To, Tax: t.Tax.Of(q.Currency)}
	var reasons map[string]pricing.Reason
	r.Promotions, reasons = t.candidates(q)
	if err := t.ship(q, &r, &out); err != nil {
		return Quote{}, err
	}
	var err error
	if out.Breakdown, err = pricing.Price(r); err != nil {
		return Quote{}, ErrTooLarge.Because(err)
	}
	for _, x := range out.Refused {
		reasons[x.Promotion] = x.Reason
	}
	for _, code := range q.Codes {
		p, known := t.Book.ByCode(code)
		c := Code{Code: code, Label: p.Label, Reason: reasons[p.ID]}
		if !known {
			c.Reason = Unknown
		}
		out.Codes = append(out.Codes, c)
	}
	for _, id := range out.Applied {
		if p, err := t.Book.Find(id); err == nil && p.Limited() {
			out.Limited = append(out.Limited, *p)
		}
	}
	return out, nil
}

// ship finds the ways to ship and takes one.
func (t *Terms) ship(q Query, r *pricing.Request, out *Quote) error {
	if q.To == nil {
		return nil
	}
	var grams int64
	for _, l := range q.Lines {
		grams += l.Weight * int64(l.Quantity)
	}
	goods, err := pricing.Price(pricing.Request{Lines: q.Lines})
	if err != nil {
		return ErrTooLarge.Because(err)
	}
	out.Offers = t.Shipping.Offers(*q.To, q.Currency, goods.Totals.Items, grams)
	at := slices.IndexFunc(out.Offers, func(d pricing.Delivery) bool { return q.Method == "" || d.Method == q.Method })
	switch {
	case at >= 0:
		r.Delivery = &out.Offers[at]
	case q.Method != "":
		out.Delivery = ErrMethod
	case len(t.Shipping.Methods) > 0 && len(q.Lines) > 0:
		out.Delivery = ErrNoShipping
	}
	return nil
}

// candidates gives the promotions that the goods may have, and why others do not.
func (t *Terms) candidates(q Query) ([]pricing.Promotion, map[string]pricing.Reason) {
	var out []pricing.Promotion
	reasons := map[string]pricing.Reason{}
	for _, p := range t.Book.Promotions {
		if p.Code != "" {
			if newest, _ := t.Book.ByCode(p.Code); newest.ID != p.ID || !slices.Contains(q.Codes, p.Code) {
				continue
			}
		}
		rule, priced := p.In(q.Currency)
		uses := t.Uses[p.ID]
		usedUp := p.Limit > 0 && uses != nil && uses.Count() >= p.Limit && !uses.Has(q.Order)
		switch {
		case q.Without[p.ID]:
			reasons[p.ID] = UsedUp
		case q.At.Before(p.StartsAt):
			reasons[p.ID] = NotStarted
		case p.Ended(q.At):
			reasons[p.ID] = Expired
		case usedUp && (q.Order == "" || p.Code == ""):
			reasons[p.ID] = UsedUp
		case p.PerUser > 0 && q.Owner.UserID() == "":
			reasons[p.ID] = SignIn
		case !priced:
			reasons[p.ID] = NoCurrency
		default:
			out = append(out, rule)
		}
	}
	return out, reasons
}
