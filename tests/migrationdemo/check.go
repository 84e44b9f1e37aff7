package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tienda/monolith/generator"
	"tienda/monolith/traffic"
)

// check looks for all that was acknowledged: in the legacy shop by SQL, in the new one by
// its public API.
func (d *demo) check(ctx context.Context, m *merchant) error {
	e, err := d.ledger.Entries()
	if err != nil {
		return err
	}
	faults, err := traffic.Check(ctx, d.owner, e)
	if err != nil {
		return err
	}
	orders, more, err := d.orders(ctx, e)
	if err != nil {
		return err
	}
	faults = append(faults, more...)
	if more, err = m.check(ctx); err != nil {
		return err
	}
	faults = append(faults, more...)
	for _, f := range faults {
		d.say("WRONG: %s", f)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%d of what was acknowledged is not as it was acknowledged", len(faults))
	}
	if orders == 0 {
		return errors.New("nobody has ordered anything")
	}
	d.say("checked: %d writes of customers in the legacy shop, %d orders of them and %d writes of the merchant in the new one: none lost, none twice", d.ledger.Writes(), orders, m.acks)
	return nil
}

// orders looks at the history of everybody who was told of an order, as they see it.
func (d *demo) orders(ctx context.Context, e traffic.Entries) (checked int, faults []string, err error) {
	byCustomer := map[int64][]*traffic.Order{}
	for _, o := range e.Orders {
		if o.Outcome == traffic.Acknowledged && o.CustomerID != 0 && o.CustomerID <= int64(d.size) {
			byCustomer[o.CustomerID] = append(byCustomer[o.CustomerID], o)
		}
	}
	for id, told := range byCustomer {
		var email string
		if err := d.owner.QueryRow(ctx, "SELECT email FROM customers WHERE id = $1", id).Scan(&email); err != nil {
			return checked, faults, fmt.Errorf("customer %d: %w", id, err)
		}
		token, err := signIn(ctx, d.shop.Gateway, email, generator.Password(id), "")
		if err != nil {
			return checked, faults, err
		}
		here, err := d.history(ctx, token)
		if err != nil {
			return checked, faults, err
		}
		for _, o := range told {
			checked++
			if here[o.Number] != 1 {
				faults = append(faults, fmt.Sprintf("order %s is there %d times", o.Number, here[o.Number]))
			}
		}
	}
	return checked, faults, nil
}

// history counts the orders that somebody sees, by number.
func (d *demo) history(ctx context.Context, token string) (map[string]int, error) {
	out := map[string]int{}
	for cursor := ""; ; {
		status, b, err := call(ctx, http.MethodGet, d.shop.Gateway+"/v1/orders?limit=100"+cursor, nil, map[string]string{"Authorization": "Bearer " + token})
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("orders: %d %s", status, b)
		}
		var page struct {
			Items []struct {
				Number string `json:"number"`
			} `json:"items"`
			Next string `json:"next_cursor"`
		}
		if err == nil {
			err = json.Unmarshal(b, &page)
		}
		if err != nil {
			return nil, err
		}
		for _, o := range page.Items {
			out[o.Number]++
		}
		if page.Next == "" {
			return out, nil
		}
		cursor = "&cursor=" + page.Next
	}
}

// fresh is how old an answer of the shop may be: it shows what was written within two
// seconds, and shares its answers for one.
const fresh = 4 * time.Second

// check looks at the products in the new shop.
func (m *merchant) check(ctx context.Context) (faults []string, err error) {
	for end := time.Now().Add(fresh); ; time.Sleep(200 * time.Millisecond) {
		faults, err = m.look(ctx)
		if err != nil || len(faults) == 0 || time.Now().After(end) {
			return faults, err
		}
	}
}

func (m *merchant) look(ctx context.Context) (faults []string, err error) {
	for sku, told := range m.prices {
		status, b, err := call(ctx, http.MethodGet, m.shop.Gateway+"/v1/products/hand-"+sku[len("HAND-"):], nil, nil)
		if err != nil {
			return faults, err
		}
		var p struct {
			Variants []struct {
				SKU    string `json:"sku"`
				Prices []struct {
					Amount int64 `json:"amount"`
				} `json:"prices"`
			} `json:"variants"`
		}
		if status != http.StatusOK || json.Unmarshal(b, &p) != nil || len(p.Variants) != 1 || len(p.Variants[0].Prices) != 1 {
			faults = append(faults, fmt.Sprintf("%s is not in the new shop: %d", sku, status))
		} else if amount := p.Variants[0].Prices[0].Amount; !m.fits(sku, amount) {
			faults = append(faults, fmt.Sprintf("%s costs %d, and %d was acknowledged", sku, amount, told))
		}
	}
	return faults, nil
}
