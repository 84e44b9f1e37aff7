package customers

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// services are what the addresses of the monolith belong to whose users go on at the new
// shop, by their beginning.
var services = map[string]string{
	"/legacy/customers": "users", "/legacy/orders": "orders", "/legacy/tickets": "support", "/legacy/returns": "support",
}

// Options are what a Door needs.
type Options struct {
	URL   string // of the new shop's gateway, without a slash at the end
	Staff Account
	// Customers are those who were in the monolith before, by their ID there.
	Customers map[int64]Account
	Seed      uint64
}

// Account is who signs in with what.
type Account struct{ Email, Password string }

// Door is what the customers of the old shop send their requests through. Once it answers
// that something has moved, they go on at the new shop's own routes, and remember that; once
// those are not there, they go back. It implements http.RoundTripper. What the old shop is
// asked for, and acknowledges, is the business of its own ledger.
type Door struct {
	Options
	Ledger *Ledger
	Old    *Tally // of writes at the monolith's addresses; answers that say moved are none
	New    *Tally // of those at the new shop's

	client *client
	next   http.RoundTripper

	mu      sync.Mutex
	rand    *rand.Rand
	moved   map[string]bool // by service
	known   map[int64]Account
	tickets map[int64]oldTicket
	fresh   []Account // who registered in the new shop
	dirty   map[string]bool
}

// oldTicket is one that the monolith made.
type oldTicket struct {
	customer int64
	subject  string
}

// NewDoor gives a door through which everybody goes to the old shop, at first.
func NewDoor(o Options) *Door {
	next := &http.Transport{MaxIdleConnsPerHost: 32}
	d := &Door{
		Options: o, Ledger: NewLedger(), Old: &Tally{}, New: &Tally{}, next: next, rand: rand.New(rand.NewPCG(o.Seed, 1)),
		moved: map[string]bool{}, known: map[int64]Account{}, tickets: map[int64]oldTicket{}, dirty: map[string]bool{},
	}
	for id, a := range o.Customers {
		d.known[id] = a
	}
	d.client = &client{base: o.URL, http: &http.Client{Transport: next}, tally: d.New, tokens: map[string]string{}}
	return d
}

// RoundTrip sends a request to the old shop, or does what it is meant to do in the new one.
// Then the answer is that it has moved, which the old shop's ledger takes for a refusal.
func (d *Door) RoundTrip(r *http.Request) (*http.Response, error) {
	service := ""
	for begin, s := range services {
		if strings.HasPrefix(r.URL.Path, begin) {
			service = s
		}
	}
	if r.Method == http.MethodGet || r.Body == nil {
		return d.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close() // it was read whole
	if err != nil {
		return nil, err
	}
	w := intent{Door: d, path: r.URL.Path, body: body}
	if d.is(service) {
		if w.do(r.Context(), service) {
			return moved(r), nil
		}
		d.set(service, false)
	}
	began := time.Now()
	res, err := d.next.RoundTrip(d.again(r, body))
	if err != nil {
		d.Old.waited(time.Since(began), true)
		d.Old.Note(Unknown, "")
		return nil, err
	}
	d.Old.waited(time.Since(began), res.StatusCode >= http.StatusInternalServerError)
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close() // it was read whole
	if err != nil {
		d.Old.Note(Unknown, "")
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(answer))
	switch {
	case res.StatusCode == http.StatusGone && service != "":
		d.set(service, true)
		w.do(r.Context(), service)
	case res.StatusCode >= http.StatusInternalServerError:
		d.Old.Note(Unknown, "")
	case res.StatusCode >= http.StatusMultipleChoices:
		var p struct {
			Code string `json:"code"`
		}
		_ = json.Unmarshal(answer, &p) // what is no problem document has no code
		d.Old.Note(Refused, p.Code)
	default:
		d.Old.Note(Acknowledged, "")
		w.learn(answer)
	}
	return res, nil
}

func (d *Door) again(r *http.Request, body []byte) *http.Request {
	c := r.Clone(r.Context())
	c.Body = io.NopCloser(bytes.NewReader(body))
	return c
}

func moved(r *http.Request) *http.Response {
	return &http.Response{
		StatusCode: http.StatusGone, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/problem+json"}}, Body: io.NopCloser(strings.NewReader(`{"code":"moved"}`)),
	}
}

func (d *Door) is(service string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moved[service]
}

func (d *Door) set(service string, moved bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.moved[service] = moved
}

// percent throws a die.
func (d *Door) percent(n int) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rand.IntN(100) < n
}

// account gives who a customer of the monolith is.
func (d *Door) account(id int64) (Account, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	a, ok := d.known[id]
	return a, ok
}

// Everybody gives a copy of what is kept, with all who have an account: those who were there
// before, too.
func (d *Door) Everybody() (Entries, error) {
	e, err := d.Ledger.Entries()
	if err != nil {
		return e, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, a := range d.known {
		e.person(a, id)
	}
	return e, nil
}

// note counts a write in the new shop, and keeps one that was not refused.
func (d *Door) note(o Outcome, why string, keep func(*Entries)) {
	d.New.Note(o, why)
	if o != Refused {
		d.Ledger.keep(keep)
	}
}

// staff gives the token of an agent.
func (d *Door) staff(ctx context.Context) (token string, o Outcome, why string) {
	return d.client.signIn(ctx, d.Staff.Email, d.Staff.Password)
}
