package migration

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/stretchr/testify/require"
)

// merchant makes products in the shop and changes their prices, whenever the shop takes it.
type merchant struct {
	*story
	token    string
	category string

	hold   sync.Mutex // held while nothing may be written
	mu     sync.Mutex
	prices map[string]int64          // that were acknowledged last, by SKU
	maybe  map[string]map[int64]bool // of writes without an answer, since that
}

// trade goes on until ctx ends; it does one write after the other.
func (m *merchant) trade(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		sku := fmt.Sprintf("HAND-%d", n%7+1)
		m.mu.Lock()
		_, there := m.prices[sku]
		m.mu.Unlock()
		amount := int64(1000 + n)
		m.hold.Lock()
		if there {
			m.price(sku, amount)
		} else {
			m.make(sku, amount)
		}
		m.hold.Unlock()
		time.Sleep(20 * time.Millisecond)
	}
}

func (m *merchant) make(sku string, amount int64) {
	slug := "hand-" + sku[len("HAND-"):]
	body, err := json.Marshal(map[string]any{
		"slug": slug, "language": "es", "name": "Mano " + sku, "category": m.category, "status": "published",
		"variants": []any{map[string]any{"sku": sku, "name": "Mano " + sku, "prices": []any{map[string]any{"amount": amount, "currency": "EUR"}}}},
	})
	m.noErr(err)
	m.outcome(sku, amount, m.send("/v1/products", "application/json", body, http.StatusCreated, nil))
}

func (m *merchant) price(sku string, amount int64) {
	body, err := json.Marshal(map[string]any{"sku": sku, "currency": "EUR", "amount": amount})
	m.noErr(err)
	m.outcome(sku, amount, m.send("/v1/price-updates", "application/x-ndjson", body, http.StatusOK, func(b []byte) bool {
		var report struct {
			Accepted int `json:"accepted"`
		}
		return json.Unmarshal(b, &report) == nil && report.Accepted == 1
	}))
}

func (m *merchant) noErr(err error) {
	if err != nil {
		m.t.Errorf("merchant: %v", err)
	}
}

const (
	acknowledged = 1
	refused      = 0
	unknown      = -1
)

func (m *merchant) send(path, of string, body []byte, good int, fits func([]byte) bool) int {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.t.Context()), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.address()+path, bytes.NewReader(body))
	if err != nil {
		return refused
	}
	req.Header.Set("Content-Type", of)
	req.Header.Set("Authorization", "Bearer "+m.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unknown
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil || resp.StatusCode >= 500:
		return unknown
	case resp.StatusCode == good && (fits == nil || fits(b)):
		return acknowledged
	}
	return refused
}

func (m *merchant) outcome(sku string, amount int64, outcome int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch outcome {
	case acknowledged:
		m.prices[sku] = amount
		delete(m.maybe, sku)
	case unknown:
		if m.maybe[sku] == nil {
			m.maybe[sku] = map[int64]bool{}
		}
		m.maybe[sku][amount] = true
	}
}

func (m *merchant) fits(sku string, amount int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.prices[sku] == amount || m.maybe[sku][amount]
}

// written says whether what was acknowledged last is in the monolith's tables.
func (m *merchant) written() bool {
	m.t.Helper()
	for sku := range m.prices {
		var amount int64
		require.NoError(m.t, m.owner.QueryRow(m.t.Context(), "SELECT coalesce((SELECT (price * 100)::bigint FROM product_variants WHERE sku = $1), 0)", sku).Scan(&amount))
		if !m.fits(sku, amount) {
			return false
		}
	}
	return true
}

// inTheMonolith holds what the merchant was told to the monolith's tables.
func (m *merchant) inTheMonolith() {
	m.t.Helper()
	rows, err := m.owner.Query(m.t.Context(), "SELECT sku, (price * 100)::bigint FROM product_variants WHERE sku LIKE 'HAND-%'")
	require.NoError(m.t, err)
	found := map[string]int64{}
	for rows.Next() {
		var sku string
		var amount int64
		require.NoError(m.t, rows.Scan(&sku, &amount))
		require.NotContains(m.t, found, sku)
		found[sku] = amount
	}
	require.NoError(m.t, rows.Err())
	require.NotEmpty(m.t, m.prices)
	for sku := range m.prices {
		require.Contains(m.t, found, sku, "made in the shop, and acknowledged")
		require.True(m.t, m.fits(sku, found[sku]), "%s costs %d in the monolith, and %d was acknowledged", sku, found[sku], m.prices[sku])
	}
}

// inTheShop holds it to the shop, which shows what was written within two seconds, and
// shares its answers for one.
func (m *merchant) inTheShop() {
	m.t.Helper()
	m.hold.Lock()
	defer m.hold.Unlock()
	for sku, told := range m.prices {
		var prices []int64
		m.until(fmt.Sprintf("%s at %d in the shop", sku, told), 10*time.Second, func() bool {
			prices = m.pricesOf(sku)
			return len(prices) == 1 && m.fits(sku, prices[0])
		})
	}
}
