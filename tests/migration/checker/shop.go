package checker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Kinds of things.
const (
	category   = "category"
	product    = "product"
	onSale     = "products on sale"
	variant    = "SKU"
	stock      = "stock of SKU"
	threshold  = "threshold of SKU"
	account    = "account"
	profile    = "profile of"
	address    = "address of"
	order      = "order"
	orderLine  = "line of order"
	ticket     = "ticket"
	message    = "message of ticket"
	returned   = "return"
	returnLine = "line of return"
)

// Account is one that signs in.
type Account struct{ Email, Password string }

// Shop is the shop as its gateway shows it. A token is asked for once: it has to be used
// within the minutes that it is good for.
type Shop struct {
	URL                     string  // of the gateway
	Catalog, Support, Admin Account // of a catalog manager, a support agent, an admin
	Customers               []Account

	mu     sync.Mutex
	tokens map[Account]string
}

// look gives what finds a kind in the shop, and others with it; nil: nobody does.
func (s *Shop) look(kind, from, to string) func(context.Context, map[string]found) error {
	switch kind {
	case category:
		return s.categories
	case product, variant:
		return s.products
	case onSale:
		return s.onSale
	case stock:
		return s.stock
	case threshold:
		return s.thresholds
	case account:
		return s.accounts
	case profile, address:
		return s.profiles
	case order, orderLine:
		return func(ctx context.Context, into map[string]found) error { return s.orders(ctx, from, to, into) }
	case ticket, message:
		return s.tickets
	case returned, returnLine:
		return s.returns
	}
	return nil
}

// forget takes those whom the checker signs in as out of the accounts, unless the source
// has them.
func (s *Shop) forget(here, there found) {
	for _, a := range []Account{s.Catalog, s.Support, s.Admin} {
		if len(there[a.Email]) == 0 {
			delete(here, a.Email)
		}
	}
}

// Refused is an answer that is not a success.
type Refused struct {
	Status int
	Code   string // of the problem document
	Asked  string
}

// Error says what was asked and what was answered.
func (r *Refused) Error() string { return fmt.Sprintf("%s: %d %s", r.Asked, r.Status, r.Code) }

// Call sends a request as who (the zero Account: a guest), with body as JSON unless it is
// nil, and reads the answer into answer unless that is nil. etag, if any, is the If-Match.
func (s *Shop) Call(ctx context.Context, who Account, method, path, etag string, body, answer any) (newETag string, err error) {
	b, header, err := s.raw(ctx, who, method, path, etag, body)
	if err != nil {
		return "", err
	}
	if answer != nil {
		if err := json.Unmarshal(b, answer); err != nil {
			return "", fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return header.Get("ETag"), nil
}

func (s *Shop) raw(ctx context.Context, who Account, method, path, etag string, body any) ([]byte, http.Header, error) {
	token := ""
	if who != (Account{}) {
		var err error
		if token, err = s.token(ctx, who); err != nil {
			return nil, nil, err
		}
	}
	var sent io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, nil, err
		}
		sent = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, s.URL+path, sent)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if etag != "" {
		req.Header.Set("If-Match", etag)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		problem := Refused{Status: resp.StatusCode, Asked: method + " " + path}
		if err := json.Unmarshal(b, &problem); err != nil {
			problem.Code = "without a problem document"
		}
		return nil, nil, &problem
	}
	return b, resp.Header, nil
}

// token signs in, once.
func (s *Shop) token(ctx context.Context, who Account) (string, error) {
	s.mu.Lock()
	token := s.tokens[who]
	s.mu.Unlock()
	if token != "" {
		return token, nil
	}
	var t struct {
		AccessToken string `json:"access_token"`
	}
	_, err := s.Call(ctx, Account{}, http.MethodPost, "/v1/auth/token", "", map[string]string{"grant_type": "password", "email": who.Email, "password": who.Password}, &t)
	if err != nil {
		return "", fmt.Errorf("sign %s in: %w", who.Email, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tokens == nil {
		s.tokens = map[Account]string{}
	}
	s.tokens[who] = t.AccessToken
	return t.AccessToken, nil
}

// all reads every page of a list.
func all[T any](ctx context.Context, s *Shop, who Account, path string) (items []T, err error) {
	cursor := ""
	for {
		var page struct {
			Items []T    `json:"items"`
			Next  string `json:"next_cursor"`
		}
		at := path
		if cursor != "" {
			at += joined(path) + "cursor=" + url.QueryEscape(cursor)
		}
		if _, err := s.Call(ctx, who, http.MethodGet, at, "", nil, &page); err != nil {
			return nil, err
		}
		items = append(items, page.Items...)
		if cursor = page.Next; cursor == "" {
			return items, nil
		}
	}
}

func joined(path string) string {
	if strings.Contains(path, "?") {
		return "&"
	}
	return "?"
}

// lines reads an answer of one JSON object a line.
func lines[T any](ctx context.Context, s *Shop, who Account, path string) (items []T, err error) {
	b, _, err := s.raw(ctx, who, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	scan := bufio.NewScanner(bytes.NewReader(b))
	scan.Buffer(nil, 16<<20)
	for scan.Scan() {
		if len(bytes.TrimSpace(scan.Bytes())) == 0 {
			continue
		}
		var item T
		if err := json.Unmarshal(scan.Bytes(), &item); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		items = append(items, item)
	}
	return items, scan.Err()
}

// money is an amount in minor units; nil: none.
type money struct {
	Amount   int64  `json:"amount"`
	Currency string `json:"currency"`
}

func (m *money) String() string {
	if m == nil {
		return ""
	}
	return fmt.Sprintf("%d %s", m.Amount, m.Currency)
}

// moment is a time; zero: none.
type moment struct{ time.Time }

func (m moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.UTC().Format("2006-01-02T15:04:05.000000Z")
}
