// Package promotion is what the shop gives away: the book of promotions, who has
// used those that are limited, and how a use is taken and given back.
package promotion

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/orders/internal/pricing"
)

// Bounds of the book. With these it is at most 3 MB, and some kB in most shops: every
// replica reads it once a second.
const (
	maxPromotions = 200
	maxGoods      = 100 // that a set names
	keepEnded     = 24 * time.Hour
)

// Errors of the book.
var (
	ErrMissing = fault.Missing("promotion")
	errFull    = fault.New(fault.Conflict, "too_many_promotions", "There are 200 promotions, and none that ended more than a day ago.")
	errCode    = fault.New(fault.Conflict, "code_taken", "Another promotion that has not ended has this code.").At("/code", "is taken")
	errVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
		"The promotion has changed since you read it. Read it again.").At("If-Match", "is not the current version")
)

// Rule is what staff decides about a promotion.
type Rule struct {
	Code        string        `json:"code,omitempty"` // in capitals; "": it is automatic
	Label       string        `json:"label"`
	Kind        pricing.Kind  `json:"kind"`
	Rate        int64         `json:"rate,omitempty"`     // parts per 100,000
	Amounts     []money.Money `json:"amounts,omitempty"`  // of FixedAmount, one for each currency
	Minimums    []money.Money `json:"minimums,omitempty"` // of the goods before discounts, one for each currency
	For         pricing.Set   `json:"for,omitzero"`
	Get         *pricing.Set  `json:"get,omitempty"`
	BuyQuantity int           `json:"buy_quantity,omitempty"`
	GetQuantity int           `json:"get_quantity,omitempty"`
	Most        int           `json:"most_times,omitempty"` // in one order; 0: as often as it fits
	Priority    int           `json:"priority"`
	Exclusive   bool          `json:"exclusive"`
	StartsAt    time.Time     `json:"starts_at,omitzero"`
	EndsAt      time.Time     `json:"ends_at,omitzero"` // zero: it does not end
	Limit       int           `json:"limit,omitempty"`  // of orders; 0: none
	PerUser     int           `json:"limit_per_user,omitempty"`
}

// Promotion is a rule with its history.
type Promotion struct {
	ID string `json:"id"`
	Rule
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"`
}

// Limited says whether uses are counted.
func (p Promotion) Limited() bool { return p.Limit > 0 || p.PerUser > 0 }

// Ended says whether it is over at a time.
func (p Promotion) Ended(at time.Time) bool { return !p.EndsAt.IsZero() && !at.Before(p.EndsAt) }

// In gives the promotion in a currency; false: it has no amount or minimum in it.
func (p Promotion) In(currency string) (pricing.Promotion, bool) {
	out := pricing.Promotion{
		ID: p.ID, Code: p.Code, Label: p.Label, Priority: p.Priority, Exclusive: p.Exclusive, Kind: p.Kind, Rate: p.Rate,
		For: p.For, Get: p.Get, BuyQuantity: p.BuyQuantity, GetQuantity: p.GetQuantity, Most: p.Most,
	}
	pick := func(from []money.Money, into *int64) bool {
		i := slices.IndexFunc(from, func(m money.Money) bool { return m.Currency == currency })
		if i >= 0 {
			*into = from[i].Amount
		}
		return i >= 0 || len(from) == 0
	}
	ok := pick(p.Amounts, &out.Amount)
	return out, pick(p.Minimums, &out.Minimum) && ok
}

// check refuses what the contract cannot.
func (r Rule) check() error {
	var fields []fault.Field
	bad := func(name, reason string) { fields = append(fields, fault.Field{Name: name, Reason: reason}) }
	needs := func(is bool, kinds []pricing.Kind, name string) {
		if wanted := slices.Contains(kinds, r.Kind); is && !wanted {
			bad(name, "does not go with this kind")
		} else if !is && wanted {
			bad(name, "is required for this kind")
		}
	}
	needs(r.Rate > 0, []pricing.Kind{pricing.Percentage, pricing.BuyGet}, "/rate")
	needs(len(r.Amounts) > 0, []pricing.Kind{pricing.FixedAmount}, "/amounts")
	needs(r.BuyQuantity > 0, []pricing.Kind{pricing.BuyGet}, "/buy_quantity")
	needs(r.GetQuantity > 0, []pricing.Kind{pricing.BuyGet}, "/get_quantity")
	if r.Kind != pricing.BuyGet && (r.Get != nil || r.Most > 0) {
		bad("/get", "goes with buy_x_get_y only, as most_times does")
	}
	for name, all := range map[string][]money.Money{"/amounts": r.Amounts, "/minimums": r.Minimums} {
		seen := map[string]bool{}
		for i, m := range all {
			if !money.ValidCurrency(m.Currency) || seen[m.Currency] {
				bad(fmt.Sprintf("%s/%d/currency", name, i), "is not an ISO 4217 code, or has an amount already")
			}
			seen[m.Currency] = true
		}
	}
	for name, s := range map[string]*pricing.Set{"/for": &r.For, "/get": r.Get} {
		if s != nil && len(s.SKUs)+len(s.Products)+len(s.Categories) > maxGoods {
			bad(name, "names more than 100 SKUs, products and categories")
		}
	}
	if !r.EndsAt.IsZero() && !r.EndsAt.After(r.StartsAt) {
		bad("/ends_at", "is not after starts_at")
	}
	if len(fields) == 0 {
		return nil
	}
	slices.SortFunc(fields, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
	e := fault.New(fault.Unprocessable, "promotion_refused", "The promotion contradicts itself.")
	e.Fields = fields
	return e
}

// Book is all promotions, oldest first. Its document is the only one that says which
// promotion a code is of.
type Book struct {
	Promotions []Promotion `json:"promotions"`
}

// Find gives a promotion.
func (b *Book) Find(id string) (*Promotion, error) {
	if i := b.at(id); i >= 0 {
		return &b.Promotions[i], nil
	}
	return nil, ErrMissing
}

func (b *Book) at(id string) int {
	return slices.IndexFunc(b.Promotions, func(p Promotion) bool { return p.ID == id })
}

// ByCode gives the promotion of a code: the newest, should others with it have ended.
func (b *Book) ByCode(code string) (Promotion, bool) {
	for _, p := range slices.Backward(b.Promotions) {
		if p.Code != "" && p.Code == code {
			return p, true
		}
	}
	return Promotion{}, false
}

// Add adds a promotion. In a full book it takes the place of the one that has ended
// first, a day ago or more.
func (b *Book) Add(id string, r Rule, now time.Time) (Promotion, error) {
	if err := r.check(); err != nil {
		return Promotion{}, err
	}
	if b.taken(r.Code, id, now) {
		return Promotion{}, errCode
	}
	if len(b.Promotions) >= maxPromotions && !b.drop(now) {
		return Promotion{}, errFull
	}
	p := Promotion{ID: id, Rule: r, CreatedAt: now, UpdatedAt: now, Version: 1}
	b.Promotions = append(b.Promotions, p)
	return p, nil
}

func (b *Book) taken(code, id string, now time.Time) bool {
	return code != "" && slices.ContainsFunc(b.Promotions, func(p Promotion) bool { return p.Code == code && p.ID != id && !p.Ended(now) })
}

func (b *Book) drop(now time.Time) bool {
	oldest := -1
	for i, p := range b.Promotions {
		if p.Ended(now.Add(-keepEnded)) && (oldest < 0 || p.EndsAt.Before(b.Promotions[oldest].EndsAt)) {
			oldest = i
		}
	}
	if oldest >= 0 {
		b.Promotions = slices.Delete(b.Promotions, oldest, oldest+1)
	}
	return oldest >= 0
}

// Change replaces the rule of a promotion; version 0 is any.
func (b *Book) Change(id string, r Rule, version int64, now time.Time) (Promotion, error) {
	p, err := b.expect(id, version)
	if err != nil {
		return Promotion{}, err
	}
	if err := r.check(); err != nil {
		return Promotion{}, err
	}
	if b.taken(r.Code, id, now) {
		return Promotion{}, errCode
	}
	p.Rule, p.UpdatedAt = r, now
	p.Version++
	return *p, nil
}

// End ends a promotion now; one that has ended stays as it is.
func (b *Book) End(id string, version int64, now time.Time) (Promotion, error) {
	p, err := b.expect(id, version)
	if err != nil {
		return Promotion{}, err
	}
	if !p.Ended(now) {
		p.EndsAt, p.UpdatedAt = now, now
		if p.StartsAt.After(now) {
			p.StartsAt = now
		}
		p.Version++
	}
	return *p, nil
}

func (b *Book) expect(id string, version int64) (*Promotion, error) {
	p, err := b.Find(id)
	if err != nil {
		return nil, err
	}
	if version != 0 && version != p.Version {
		return nil, errVersion
	}
	return p, nil
}

// Counted gives the IDs of the limited promotions that can be used, or have ended less
// than a day ago: those whose uses a replica looks after.
func (b *Book) Counted(now time.Time) (ids []string) {
	for _, p := range b.Promotions {
		if p.Limited() && !p.Ended(now.Add(-keepEnded)) {
			ids = append(ids, p.ID)
		}
	}
	return ids
}
