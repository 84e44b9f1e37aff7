package generator

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// opening is when the shop opened, and custom when the oldest of its orders was placed;
// every generated customer registered before that.
var (
	opening = time.Date(2016, 3, 1, 9, 0, 0, 0, time.UTC)
	custom  = time.Date(2023, 1, 2, 8, 0, 0, 0, time.UTC)
	today   = time.Date(2026, 6, 30, 20, 0, 0, 0, time.UTC)
)

const employees = 8

func (g *generator) staff(yield func([]any) bool) {
	roles := []string{"admin", "catalogue", "orders", "support"}
	for id := int64(1); id <= employees; id++ {
		name := firstNames[id] + " " + lastNames[id]
		hired := opening.AddDate(0, int(3*id), 0)
		if !yield([]any{id, fmt.Sprintf("%s.%s@tienda.example", plainFirst[id], plainLast[id]), name, roles[id%4], bcryptHash(id), id != employees, hired}) {
			return
		}
	}
}

type customer struct {
	id          int64
	name, email string
	lang        string
	preferences bool // there is a row of them
	addresses   []address
}

type address struct {
	recipient, street, street2 string
	town                       [4]string
	phone                      string
}

func (g *generator) customer(id int64) customer {
	r := g.rand("customers", id)
	first, last := r.IntN(len(firstNames)), r.IntN(len(lastNames))
	c := customer{id: id, name: firstNames[first] + " " + lastNames[last], lang: "es", preferences: chance(r, 80)}
	c.email = fmt.Sprintf("%s.%s.%d@%s", plainFirst[first], plainLast[last], id, pick(r, []string{"example.com", "example.org", "correo.example"}))
	switch id % 14 {
	case 5: // typed with the shift key held down
		c.email = strings.ToUpper(c.email)
	case 11: // or as names are written
		c.email = strings.ToUpper(c.email[:1]) + c.email[1:]
	}
	if first >= 14 {
		c.lang = "en"
	}
	for range []int{0, 1, 1, 1, 1, 1, 2, 2, 2, 3}[r.IntN(10)] {
		a := address{recipient: c.name, street: fmt.Sprintf("%s, %d", pick(r, streets), 1+r.IntN(200)), town: pick(r, towns)}
		if chance(r, 30) {
			a.street2 = fmt.Sprintf("%dº %c", 1+r.IntN(9), 'A'+r.IntN(4))
		}
		if chance(r, 60) {
			a.phone = fmt.Sprintf("+34 6%08d", r.IntN(100_000_000))
		}
		c.addresses = append(c.addresses, a)
	}
	return c
}

func (g *generator) customers(yield func([]any) bool) {
	for id := int64(1); id <= int64(g.Size); id++ {
		c, r := g.customer(id), g.rand("accounts", id)
		var salt [8]byte
		for i := range salt {
			salt[i] = byte(r.IntN(256)) //nolint:gosec // of one byte
		}
		format, hash, saltColumn := passwordColumns(id, hex.EncodeToString(salt[:]))
		var phone, seen any
		if chance(r, 40) {
			phone = fmt.Sprintf("9%08d", r.IntN(100_000_000))
		}
		if chance(r, 70) {
			seen = g.wall(between(custom, today, r.Float64()))
		}
		registered := g.wall(between(opening, custom, float64(id)/float64(g.Size+1)))
		if !yield([]any{id, c.email, c.name, phone, format, hash, saltColumn, id%97 == 0, registered, seen}) {
			return
		}
	}
	g.oddCustomers(yield)
}

func (g *generator) preferences(yield func([]any) bool) {
	for id := int64(1); id <= int64(g.Size); id++ {
		c, r := g.customer(id), g.rand("preferences", id)
		currency, letters := "EUR", "N"
		if c.lang == "en" && chance(r, 30) {
			currency = "GBP"
		}
		if chance(r, 35) {
			letters = "S"
		}
		if c.preferences && !yield([]any{id, currency, c.lang, letters}) {
			return
		}
	}
}

// addressesEach leaves room for so many of each customer in their IDs.
const addressesEach = 4

func (g *generator) addresses(yield func([]any) bool) {
	for id := int64(1); id <= int64(g.Size); id++ {
		noDefault := id%31 == 0 // as after the default one was deleted
		for i, a := range g.customer(id).addresses {
			row := []any{id*addressesEach + int64(i), id, i == 0 && !noDefault, a.recipient, a.street, or(a.street2), a.town[0], or(a.town[1]), a.town[2], a.town[3], or(a.phone)}
			if !yield(row) {
				return
			}
		}
	}
}

func (g *generator) sessions(yield func([]any) bool) {
	for id := int64(1); id <= int64(g.Size); id += 10 {
		r := g.rand("sessions", id)
		if !yield([]any{fmt.Sprintf("%016x%016x", r.Uint64(), r.Uint64()), id, today.Add(time.Duration(r.IntN(86400)) * time.Second)}) {
			return
		}
	}
}

func (g *generator) auditLog(yield func([]any) bool) {
	for id := int64(1); id <= int64(g.Size); id++ {
		r := g.rand("audit_log", id)
		detail := fmt.Sprintf(`{"customer": %d, "agent": "Mozilla/5.0"}`, id)
		if !yield([]any{between(custom, today, r.Float64()), "web", pick(r, []string{"login", "logout", "export"}), detail}) {
			return
		}
	}
}

// between gives the moment that is so far, from 0 to 1, on the way; in whole seconds.
func between(from, to time.Time, part float64) time.Time {
	return from.Add(time.Duration(part * float64(to.Sub(from)))).Truncate(time.Second)
}

// wall gives what a clock in Madrid shows.
func (g *generator) wall(t time.Time) time.Time { return t.In(g.zone) }
