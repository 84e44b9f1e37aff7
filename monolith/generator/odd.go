package generator

import (
	"fmt"
	"strings"
)

// Odd rows have IDs behind those of the others, so that the others stay as they are. No
// other row points at one, but for an odd product's own variant and stock, an odd
// order's own line and payment, and an odd ticket's own message.

func (g *generator) oddCustomer(i int64) (noAt, twice int64) {
	return int64(g.Size) + 2*i + 1, int64(g.Size) + 2*i + 2
}
func (g *generator) oddProduct(i int64) (product, variant int64) {
	return g.productCount() + i + 1, int64(len(g.variants)) + i + 1
}
func (g *generator) oddOrder(i int64) int64  { return g.orderCount() + i + 1 }
func (g *generator) oddTicket(i int64) int64 { return g.ticketCount() + i + 1 }

// rejected lists what cannot be moved of the rows that odd ones make.
func (g *generator) rejected() []Rejected {
	var all []Rejected
	for i := range int64(g.Odd) {
		noAt, twice := g.oddCustomer(i)
		all = append(all, Rejected{"users", noAt, "the e-mail has no @"}, Rejected{"users", twice, "another customer has the e-mail in other letters"})
	}
	for i := range int64(g.Odd) {
		p, _ := g.oddProduct(i)
		all = append(all, Rejected{"products", p, "the SKU has a blank and a slash"})
	}
	for i := range int64(g.Odd) {
		_, v := g.oddProduct(i)
		all = append(all, Rejected{"stock", v, "the SKU has a blank and a slash"})
	}
	for i := range int64(g.Odd) {
		all = append(all, Rejected{"orders", g.oddOrder(i), "nobody knows the status 77"})
	}
	for i := range int64(g.Odd) {
		all = append(all, Rejected{"tickets", g.oddTicket(i), "the subject is empty"})
	}
	return all
}

func (g *generator) oddCustomers(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		noAt, twice := g.oddCustomer(i)
		first := g.customer(i + 1)
		email := strings.ToUpper(first.email)
		if email == first.email {
			email = strings.ToLower(email)
		}
		registered := g.wall(custom)
		if !yield([]any{noAt, fmt.Sprintf("sin.correo.%d", noAt), "Cliente de mostrador", nil, "bcrypt", bcryptHash(noAt), nil, false, registered, nil}) ||
			!yield([]any{twice, email, first.name, nil, "bcrypt", bcryptHash(twice), nil, false, registered, nil}) {
			return
		}
	}
}

func oddSKU(id int64) string { return fmt.Sprintf("REF %d/B", id) }

func (g *generator) oddProducts(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		id, _ := g.oddProduct(i)
		if !yield([]any{id, fmt.Sprintf("liquidacion-%d", id), "es", "Liquidación", nil, nil, 2, 1, true, nil, g.wall(custom)}) {
			return
		}
	}
}

func (g *generator) oddVariants(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		p, id := g.oddProduct(i)
		if !yield([]any{id, p, oddSKU(id), nil, nil, nil, nil, money(100), 0}) {
			return
		}
	}
}

func (g *generator) oddInventory(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		_, id := g.oddProduct(i)
		if !yield([]any{id, "MAD", 1, nil, nil}) {
			return
		}
	}
}

func (g *generator) oddOrders(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		id := g.oddOrder(i)
		row := []any{id, orderNumber(id), nil, fmt.Sprintf("guest.%d@example.net", id), 77, "EUR", "es", money(100), money(83), money(17), money(0), money(0), money(100), nil}
		row = append(row, nil, nil, nil, nil, nil, nil, nil, nil)
		if !yield(append(row, nil, nil, custom, nil, nil, nil, nil, true)) {
			return
		}
	}
}

func (g *generator) oddOrderLines(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		id, v := g.oddOrder(i), g.variants[0]
		if !yield([]any{id * linesEach, id, 1, v.product, v.id, v.sku, v.title, nil, 1, money(100), money(100)}) {
			return
		}
	}
}

func (g *generator) oddPayments(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		id := g.oddOrder(i)
		if !yield([]any{id, id, "TRANSFER", "DUE", money(100), money(0), money(0), nil, nil, nil, nil, custom}) {
			return
		}
	}
}

func (g *generator) oddTickets(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		if !yield([]any{g.oddTicket(i), i + 1, nil, "", nil, 2, "open", g.wall(custom), nil}) {
			return
		}
	}
}

func (g *generator) oddMessages(yield func([]any) bool) {
	for i := range int64(g.Odd) {
		id := g.oddTicket(i)
		if !yield([]any{id * messagesEach, id, "C", nil, "?", false, g.wall(custom)}) {
			return
		}
	}
}
