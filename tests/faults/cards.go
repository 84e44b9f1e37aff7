package main

import (
	"context"
	"errors"

	"tienda/tests/customer"
	"tienda/tests/history"
)

// cards are what buyers pay by, by what the sandbox does with each.
var cards = []string{
	"sandbox_approves", "sandbox_approves", "sandbox_approves", "sandbox_approves",
	"sandbox_loses", "sandbox_delays", "sandbox_fails", "sandbox_calls_late", "sandbox_calls_twice", "sandbox_declines",
}

// card gives the token that a cart is paid by; "": by invoice.
func (b *buyer) card() string {
	if !b.percent(byCard) {
		return ""
	}
	return cards[b.r.IntN(len(cards))]
}

// uuidLength is that of an order's ID, with which the keys of its payment begin.
const uuidLength = 36

// operations are all that the payment provider has done.
func (o *observer) operations(ctx context.Context) ([]history.Operation, error) {
	var all customer.List[struct {
		history.Operation
		Key string `json:"key"`
	}]
	there, err := getFrom(ctx, o.provider, "/v1/operations", &all)
	if err == nil && !there {
		err = errors.New("the payment provider has no ledger")
	}
	if err != nil {
		return nil, err
	}
	out := make([]history.Operation, 0, len(all.Items))
	for _, i := range all.Items {
		if len(i.Key) > uuidLength {
			i.Order = i.Key[:uuidLength]
		}
		out = append(out, i.Operation)
	}
	return out, nil
}
