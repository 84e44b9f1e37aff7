package inventory

import (
	"context"
	"slices"
	"strconv"
	"time"

	"tienda/internal/fault"
	"tienda/internal/money"
	"tienda/services/catalog/internal/pricing"
)

// What a reservation is refused for, besides what stock.go names.
var (
	errUnknown   = fault.New(fault.Unprocessable, "unknown_sku", "Something in the order is not sold.")
	errCurrency  = fault.New(fault.Unprocessable, "currency_unsupported", "Something in the order is not sold in this currency.")
	errDuplicate = fault.New(fault.Unprocessable, "duplicate_sku", "A SKU stands on two lines.")
)

// Line is what an order wants of a SKU.
type Line struct {
	SKU      string
	Quantity int
}

// Offer is what is known of a SKU that is sold, stock apart.
type Offer struct {
	SKU, ProductID, Slug, Name, VariantName string
	Category, TaxClass                      string
	WeightGrams                             int // 0: not stated
	Prices                                  pricing.Prices
	InStock                                 bool
	Wait                                    Waitable
}

// ReservedLine is a line that is held for an order.
type ReservedLine struct {
	Offer
	Quantity  int
	Price     pricing.Price // now
	UnitPrice money.Money   // as it was promised, the first time
	Waiting   int           // of Quantity, for more stock
	Expected  time.Time     // of that; zero: not known
}

// Reserve holds all the lines for an order, or none of them, at the prices of now
// for the customer's group ("": none). A repeat answers
// the same. What is refused for lack of stock is so by what the store held after
// the request had come, never by anything remembered: stock that has come back
// is sold from the moment of its commit.
func (s *Service) Reserve(ctx context.Context, orderID, currency, group string, lines []Line) ([]ReservedLine, error) {
	out, err := s.reserve(ctx, orderID, currency, group, lines)
	s.outcomes.count(err)
	return out, err
}

func (s *Service) reserve(ctx context.Context, orderID, currency, group string, lines []Line) ([]ReservedLine, error) {
	out, err := s.price(ctx, currency, group, lines)
	if err != nil {
		return nil, err
	}
	skus := make([]string, len(out))
	for i, l := range out {
		skus[i] = l.SKU
	}
	var refused error
	err = s.update(ctx, &work{skus: skus, orderID: orderID, change: func(b *Books) {
		refused = b.reserve(orderID, currency, out, s.known.preferred(), s.now())
	}})
	if err == nil { // else the batch may still be writing to refused and out
		err = refused
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// price finds what the lines are and cost, without touching stock.
func (s *Service) price(ctx context.Context, currency, group string, lines []Line) ([]ReservedLine, error) {
	skus := make([]string, len(lines))
	var twice []fault.Field
	for i, l := range lines {
		if slices.Contains(skus[:i], l.SKU) {
			twice = append(twice, fault.Field{Name: at(i, "sku"), Reason: "stands twice"})
		}
		skus[i] = l.SKU
	}
	if len(twice) > 0 {
		return nil, refusal(errDuplicate, twice)
	}
	offers, err := s.offers.Offers(ctx, skus)
	if err != nil {
		return nil, err
	}
	book, err := s.prices.Book(ctx)
	if err != nil {
		return nil, err
	}
	now, out := s.now(), make([]ReservedLine, len(lines))
	var unknown, unpriced []fault.Field
	for i, l := range lines {
		o, ok := offers[l.SKU]
		price, priced := o.Prices.At(book, pricing.Ask{Currency: currency, Quantity: l.Quantity, Group: group, Now: now})
		if !ok {
			unknown = append(unknown, fault.Field{Name: at(i, "sku"), Reason: "is not sold"})
		} else if !priced {
			unpriced = append(unpriced, fault.Field{Name: at(i, "sku"), Reason: "has no price in " + currency})
		}
		out[i] = ReservedLine{Offer: o, Quantity: l.Quantity, Price: price}
	}
	switch {
	case len(unknown) > 0:
		return nil, refusal(errUnknown, unknown)
	case len(unpriced) > 0:
		return nil, refusal(errCurrency, unpriced)
	}
	return out, nil
}

func at(line int, name string) string { return "/lines/" + strconv.Itoa(line) + "/" + name }

func refusal(why *fault.Error, fields []fault.Field) error {
	e := *why
	e.Fields = fields
	return &e
}
