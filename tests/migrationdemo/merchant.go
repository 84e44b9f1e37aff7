package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"tienda/tests/migrationdemo/customers"
)

// merchant makes products in the new shop and changes their prices, whenever it takes it.
type merchant struct {
	*demo
	token    string
	category string
	trading  sync.WaitGroup

	mu     sync.Mutex
	prices map[string]int64          // that were acknowledged last, by SKU
	maybe  map[string]map[int64]bool // of writes without an answer, since that
	acks   int
}

// start signs the merchant in and has him trade until ctx ends. He signs in past the
// gateway: until users is cut over, that sends whoever signs in to the legacy shop.
func (m *merchant) start(ctx context.Context) error {
	who, err := m.employee(ctx, "catalogue")
	if err != nil {
		return err
	}
	if err := m.owner.QueryRow(ctx, "SELECT slug FROM categories ORDER BY id LIMIT 1").Scan(&m.category); err != nil {
		return fmt.Errorf("categories: %w", err)
	}
	token, err := signIn(ctx, fmt.Sprintf("http://127.0.0.1:%d", m.shop.Of("users")[0].Port), who.Email, who.Password, m.demo.token)
	if err != nil {
		return err
	}
	m.token = token
	m.trading.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			rest := 50 * time.Millisecond
			if !m.write(ctx, n) {
				rest = time.Second // the monolith is in charge: it has no such address
			}
			time.Sleep(rest)
		}
	})
	return nil
}

func signIn(ctx context.Context, at, email, password, app string) (string, error) {
	in, err := json.Marshal(map[string]string{"grant_type": "password", "email": email, "password": password})
	if err != nil {
		return "", err
	}
	header := map[string]string{}
	if app != "" {
		header["dapr-api-token"] = app
	}
	status, b, err := call(ctx, http.MethodPost, at+"/v1/auth/token", bytes.NewReader(in), header)
	if err != nil {
		return "", err
	}
	if status != http.StatusOK {
		return "", fmt.Errorf("%s does not get in: %d %s", email, status, b)
	}
	var out struct {
		AccessToken string `json:"access_token"`
	}
	return out.AccessToken, json.Unmarshal(b, &out)
}

// write makes a product or changes its price. false: the gateway does not know where.
func (m *merchant) write(ctx context.Context, n int) bool {
	sku, amount := fmt.Sprintf("HAND-%d", n%7+1), int64(1000+n)
	m.mu.Lock()
	_, there := m.prices[sku]
	m.mu.Unlock()
	path, good := "/v1/price-updates", http.StatusOK
	var in any = map[string]any{"sku": sku, "currency": "EUR", "amount": amount}
	header := map[string]string{"Authorization": "Bearer " + m.token, "Content-Type": "application/x-ndjson"}
	if !there {
		path, good = "/v1/products", http.StatusCreated
		header["Content-Type"] = "application/json"
		in = map[string]any{
			"slug": "hand-" + sku[len("HAND-"):], "language": "es", "name": "Mano " + sku, "category": m.category, "status": "published",
			"variants": []any{map[string]any{"sku": sku, "name": "Mano " + sku, "prices": []any{map[string]any{"amount": amount, "currency": "EUR"}}}},
		}
	}
	body, err := json.Marshal(in)
	if err != nil {
		return true // it was never sent
	}
	status, answer, err := call(context.WithoutCancel(ctx), http.MethodPost, m.shop.Gateway+path, bytes.NewReader(body), header)
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return false
	case err != nil || status >= http.StatusInternalServerError:
		m.door.New.Note(customers.Unknown, "")
		if m.maybe[sku] == nil {
			m.maybe[sku] = map[int64]bool{}
		}
		m.maybe[sku][amount] = true
	case status == good && (there && bytes.Contains(answer, []byte(`"accepted":1`)) || !there):
		m.prices[sku] = amount
		delete(m.maybe, sku)
		m.acks++
		m.door.New.Note(customers.Acknowledged, "")
	default:
		m.door.New.Note(customers.Refused, fmt.Sprintf("merchant: %d", status))
	}
	return true
}

func (m *merchant) fits(sku string, amount int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.prices[sku] == amount || m.maybe[sku][amount]
}

func (m *merchant) wait() { m.trading.Wait() }

// settle waits until the merchant has something to be checked.
func (m *merchant) settle(ctx context.Context) error {
	for range 100 {
		m.mu.Lock()
		n := len(m.prices)
		m.mu.Unlock()
		if n > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return errors.New("nothing could be written in the new shop")
}

// tables holds what the merchant was told to the monolith's tables.
func (m *merchant) tables(ctx context.Context) (faults []string, err error) {
	for sku, told := range m.prices {
		var n int
		var amount int64
		if err := m.owner.QueryRow(ctx, "SELECT count(*), coalesce(max((price * 100)::bigint), 0) FROM product_variants WHERE sku = $1", sku).Scan(&n, &amount); err != nil {
			return faults, fmt.Errorf("price of %s: %w", sku, err)
		}
		if n != 1 {
			faults = append(faults, fmt.Sprintf("%s: there %d times", sku, n))
		} else if !m.fits(sku, amount) {
			faults = append(faults, fmt.Sprintf("%s costs %d in the monolith, and %d was acknowledged", sku, amount, told))
		}
	}
	return faults, nil
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
