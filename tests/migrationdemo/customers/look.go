package customers

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
)

// eyes look at the new shop at the same time.
const eyes = 6

// Look reads what is in the new shop by its public API: all orders since a day of UTC, and
// all tickets and returns, as the staff; accounts as whoever they are of, who sign in with
// their password. since is as "2026-11-27".
func (d *Door) Look(ctx context.Context, since string, who map[string]*Person) (Seen, error) {
	s := Seen{Orders: map[string][]SeenOrder{}, People: map[string][]SeenPerson{}, Tickets: map[string]int{}, Messages: map[string]int{}, Returns: map[string]int{}}
	d.client.mu.Lock()
	clear(d.client.tokens) // everybody signs in anew
	d.client.mu.Unlock()
	staff, o, why := d.staff(ctx)
	if o != Acknowledged {
		return s, fmt.Errorf("the staff does not get in: %s", why)
	}
	numbers, err := d.lookAtOrders(ctx, staff, since, s)
	if err != nil {
		return s, err
	}
	if err := d.lookAtSupport(ctx, staff, numbers, s); err != nil {
		return s, err
	}
	return s, d.lookAtPeople(ctx, who, s)
}

func (d *Door) lookAtOrders(ctx context.Context, staff, since string, s Seen) (numbers map[string]string, err error) {
	var ids []string
	numbers = map[string]string{}
	err = pages(ctx, d.client, "/v1/orders?customer=all&limit=100&from="+since, staff, func(o orderView) {
		ids = append(ids, o.ID)
		numbers[o.ID] = o.Number
	})
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(eyes)
	for _, id := range ids {
		g.Go(func() error {
			a, o, why := d.client.do(ctx, request{method: http.MethodGet, path: "/v1/orders/" + id, token: staff, repeats: true})
			var v orderView
			if o != Acknowledged || a.into(&v) != nil {
				return fmt.Errorf("order %s: %d %s", id, a.status, why)
			}
			seen := SeenOrder{Number: v.Number, Status: v.Status, Total: v.Totals.Total.Amount}
			for _, l := range v.Lines {
				seen.Lines = append(seen.Lines, fmt.Sprintf("%s %d", l.SKU, l.Quantity))
			}
			mu.Lock()
			defer mu.Unlock()
			if v.Note != "" {
				s.Orders[v.Note] = append(s.Orders[v.Note], seen)
			}
			return nil
		})
	}
	return numbers, g.Wait()
}

func (d *Door) lookAtSupport(ctx context.Context, staff string, numbers map[string]string, s Seen) error {
	type ticket struct {
		ID      string `json:"id"`
		Subject string `json:"subject"`
	}
	var tickets []ticket
	if err := pages(ctx, d.client, "/v1/tickets?limit=100", staff, func(t ticket) { tickets = append(tickets, t) }); err != nil {
		return err
	}
	type message struct {
		Text string `json:"text"`
	}
	for _, t := range tickets {
		s.Tickets[t.Subject]++
		if err := pages(ctx, d.client, "/v1/tickets/"+t.ID+"/messages?limit=100", staff, func(m message) { s.Messages[t.Subject+"\n"+m.Text]++ }); err != nil {
			return err
		}
	}
	type back struct {
		Order string `json:"order_id"`
		Lines []struct {
			SKU      string `json:"sku"`
			Quantity int64  `json:"quantity"`
		} `json:"lines"`
	}
	return pages(ctx, d.client, "/v1/returns?limit=100", staff, func(r back) {
		for _, l := range r.Lines {
			s.Returns[fmt.Sprintf("%s %s %d", numbers[r.Order], l.SKU, l.Quantity)]++
		}
	})
}

func (d *Door) lookAtPeople(ctx context.Context, who map[string]*Person, s Seen) error {
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(eyes)
	for email, p := range who {
		g.Go(func() error {
			token, o, why := d.client.signIn(ctx, email, p.Password)
			if o == Refused && strings.HasPrefix(why, "sign-in: ") {
				return nil // the account is not there, or does not let its owner in
			}
			if o != Acknowledged {
				return fmt.Errorf("%s: no answer to a sign-in", email)
			}
			var me struct {
				Name string `json:"name"`
			}
			a, o, why := d.client.do(ctx, request{method: http.MethodGet, path: "/v1/me", token: token, repeats: true})
			if o != Acknowledged || a.into(&me) != nil {
				return fmt.Errorf("%s: %d %s", email, a.status, why)
			}
			seen := SeenPerson{Name: me.Name}
			if p.Address != nil || p.Settings != nil { // else nobody asks
				if err := d.lookAtHome(ctx, token, &seen); err != nil {
					return fmt.Errorf("%s: %w", email, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			s.People[email] = append(s.People[email], seen)
			return nil
		})
	}
	return g.Wait()
}

func (d *Door) lookAtHome(ctx context.Context, token string, seen *SeenPerson) error {
	at, _, o, why := d.client.home(ctx, token)
	if o != Acknowledged {
		return fmt.Errorf("addresses: %s", why)
	}
	if at != nil {
		seen.Address = &at.Address
	}
	a, o, why := d.client.do(ctx, request{method: http.MethodGet, path: "/v1/me/preferences", token: token, repeats: true})
	if seen.Settings = (&Settings{}); o != Acknowledged || a.into(seen.Settings) != nil {
		return fmt.Errorf("preferences: %d %s", a.status, why)
	}
	return nil
}

// Sessions says of how many people who have signed in before the token is still good, and
// who has lost it.
func (d *Door) Sessions(ctx context.Context) (good int, lost []Fault, err error) {
	d.client.mu.Lock()
	tokens := map[string]string{}
	for email, token := range d.client.tokens {
		tokens[email] = token
	}
	d.client.mu.Unlock()
	for email, token := range tokens {
		a, o, _ := d.client.do(ctx, request{method: http.MethodGet, path: "/v1/me", token: token, repeats: true})
		switch o {
		case Unknown:
			return good, lost, fmt.Errorf("%s: no answer", email)
		case Refused:
			lost = append(lost, Fault{Lost, fmt.Sprintf("session of %s: %d %s", email, a.status, a.code)})
		case Acknowledged:
			good++
		}
	}
	return good, lost, nil
}

// Stock reads what may be sold of SKUs in the new shop, as somebody who may.
func (d *Door) Stock(ctx context.Context, manager string, skus []string) (map[string]int64, error) {
	var mu sync.Mutex
	out := map[string]int64{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(eyes)
	for _, sku := range skus {
		g.Go(func() error {
			a, o, why := d.client.do(ctx, request{method: http.MethodGet, path: "/v1/inventory/" + sku, token: manager, repeats: true})
			var is struct {
				Available int64 `json:"available"`
			}
			switch {
			case a.status == http.StatusNotFound:
				return nil
			case o != Acknowledged || a.into(&is) != nil:
				return fmt.Errorf("stock of %s: %d %s", sku, a.status, why)
			}
			mu.Lock()
			defer mu.Unlock()
			out[sku] = is.Available
			return nil
		})
	}
	return out, g.Wait()
}
