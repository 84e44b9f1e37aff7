package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"tienda/tests/bench/plan"
)

// cardCase is a checkout with everything: an automatic promotion, tax, shipping, and a
// card that the sandbox authorises; limitedCase has a promotion with a limit.
const (
	cardCase    = "checkout by card: promotion, tax, shipping, 3 items"
	limitedCase = cardCase + ", limited"
	cardRounds  = 5
)

// cardPlan is a checkout's, and asks the provider before it confirms; a limited
// promotion is read and written down as used before that.
func cardPlan(limited bool) []plan.Step {
	steps := []plan.Step{plan.Get(3), plan.Tx(3, 1500), plan.Invoke(plan.Get(3), plan.Tx(3, 500))}
	if limited {
		steps = append(steps, plan.Get(2), plan.Tx(2, 700))
	}
	return append(steps, plan.Bind(300), plan.Get(1), plan.Tx(2, 2000), plan.Publish(1200))
}

// measureCards has checkouts and their floor in turns, of which the one with the median
// ratio counts.
func (b *buyers) measureCards(ctx context.Context, m *meter, r *Report, f *floor, shopCounts, floorCounts func() (plan.Counts, error)) error {
	for i, name := range []string{cardCase, limitedCase} {
		limited := i == 1
		if !m.only.MatchString(name) {
			continue
		}
		floor, err := f.plan(b.http, cardPlan(limited)...)
		if err != nil {
			return err
		}
		if err := b.offer(ctx, limited); err != nil {
			return err
		}
		if err := b.prepareCarts(ctx, checkouts, b.fillCart); err != nil {
			return err
		}
		pairs := make([][2]Result, cardRounds)
		for i := range pairs {
			n := int64(checkouts / cardRounds)
			if pairs[i][0], err = m.run("floor: "+name, n, floorCounts, floor); err != nil {
				return err
			}
			if pairs[i][1], err = m.run(name, n, shopCounts, b.checkoutByCard); err != nil {
				return err
			}
		}
		p := median(pairs)
		if err := errors.Join(r.add(p[0], nil), r.addAgainst("floor: "+name)(p[1], nil)); err != nil {
			return err
		}
	}
	return nil
}

const (
	taxSettings      = `{"prices_include_tax":["EUR"],"rates":[{"country":"ES","class":"standard","rate":21000},{"country":"ES","class":"food","rate":10000}]}`
	shippingSettings = `{"methods":[{"id":"post","name":"Post","zones":[{"areas":[{"country":"ES"}],"prices":[{"currency":"EUR","steps":[{"price":490}]}]}]}]}`
	cardOrder        = `{"payment_method":"card","payment_token":"sandbox_approves","email":"guest@example.com","address":{"name":"Guest","line1":"Calle Mayor 1","city":"Madrid","postal_code":"28013","country":"ES"}}`
)

// offer states tax, shipping and a promotion, the only one, and waits until a checkout
// has them all.
func (b *buyers) offer(ctx context.Context, limited bool) error {
	admin, err := signIn(ctx, b.http, b.gateway, "admin")
	if err != nil {
		return err
	}
	state := func(method, path, body, token string) ([]byte, error) {
		return send(ctx, b.http, method, b.gateway+path, body, "Authorization", "Bearer "+token)
	}
	if _, err := state(http.MethodPut, "/v1/settings/tax", taxSettings, admin); err != nil {
		return err
	}
	if _, err := state(http.MethodPut, "/v1/settings/shipping", shippingSettings, admin); err != nil {
		return err
	}
	if b.promotion != "" {
		if _, err := state(http.MethodPost, "/v1/promotions/"+b.promotion+"/end", "", b.token); err != nil {
			return err
		}
	}
	rule := `{"label":"bench","kind":"percentage","rate":10000}`
	if limited {
		rule = `{"label":"bench","kind":"percentage","rate":10000,"limit":100000}`
	}
	raw, err := state(http.MethodPost, "/v1/promotions", rule, b.token)
	if err != nil {
		return err
	}
	var p struct {
		ID   string
		Used int
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return fmt.Errorf("a promotion: %w", err)
	}
	b.promotion = p.ID
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for whole := false; !whole || limited && p.Used == 0; {
		token, err := b.fillCart(ctx)
		if err != nil {
			return err
		}
		if whole, err = b.buyByCard(ctx, token); err != nil {
			return err
		}
		if raw, err = state(http.MethodGet, "/v1/promotions/"+p.ID, "", b.token); err != nil {
			return err
		}
		if err := json.Unmarshal(raw, &p); err != nil {
			return fmt.Errorf("a promotion: %w", err)
		}
	}
	return nil
}

func (b *buyers) checkoutByCard(ctx context.Context, _ int) error {
	token, err := b.prepared()
	if err != nil {
		return err
	}
	whole, err := b.buyByCard(ctx, token)
	if err == nil && !whole {
		err = errors.New("a checkout went without promotion, tax, shipping or card")
	}
	return err
}

// buyByCard says whether the order has everything.
func (b *buyers) buyByCard(ctx context.Context, token string) (bool, error) {
	raw, err := send(ctx, b.http, http.MethodPost, b.gateway+"/v1/orders", cardOrder, "Cart-Token", token, "Idempotency-Key", uuid.NewString())
	if err != nil {
		return false, err
	}
	var o struct {
		Status string
		Totals struct {
			Discount, Tax, Shipping struct{ Amount int64 }
		}
		Payment    struct{ Status string }
		Promotions []struct{}
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		return false, fmt.Errorf("an order: %w", err)
	}
	return o.Status == "confirmed" && o.Payment.Status == "authorised" && o.Totals.Discount.Amount > 0 && o.Totals.Tax.Amount > 0 && o.Totals.Shipping.Amount > 0, nil
}
