package customers

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	legacy "tienda/monolith/shop"
)

// register makes an account. Nobody else has the e-mail: that it is taken, after a try
// without an answer, says that it was made.
func (w intent) register(ctx context.Context) (Outcome, string) {
	var in legacy.NewCustomer
	if json.Unmarshal(w.body, &in) != nil {
		return Refused, "no request"
	}
	a := Account{"nueva." + strings.ToLower(in.Email), in.Password}
	before := w.New.Counts().Failed
	_, o, why := w.client.do(ctx, request{
		method: http.MethodPost, path: "/v1/users", body: map[string]string{"email": a.Email, "password": a.Password, "name": in.FullName}, repeats: true,
	})
	if o == Refused && why == "email_taken" && w.New.Counts().Failed > before {
		o, why = Acknowledged, ""
	}
	w.note(o, why, func(e *Entries) {
		p := e.person(a, 0)
		p.Registered = o
		if p.Name = &in.FullName; o != Acknowledged {
			p.Name, p.Names = nil, []string{in.FullName}
		}
	})
	if o == Acknowledged {
		w.mu.Lock()
		w.fresh = append(w.fresh, a)
		w.mu.Unlock()
	}
	return o, why
}

// moveHouse changes the address that is proposed to somebody, or makes it; a few change
// their preferences or their name as well.
func (w intent) moveHouse(ctx context.Context, customer int64) (Outcome, string) {
	var in legacy.Address
	a, ok := w.account(customer)
	if json.Unmarshal(w.body, &in) != nil || !ok {
		return Refused, "no request"
	}
	token, o, why := w.client.signIn(ctx, a.Email, a.Password)
	if o != Acknowledged {
		w.note(o, why, func(*Entries) {})
		return o, strings.TrimPrefix(why, "sign-in: ")
	}
	home := Address{in.Recipient, in.Street, in.City, in.Zip, in.Country}
	o, why = w.setAddress(ctx, token, home)
	w.note(o, why, func(e *Entries) {
		p := e.person(a, customer)
		if o == Acknowledged {
			p.Address, p.Addresses = &home, nil
		} else {
			p.Addresses = append(p.Addresses, home)
		}
	})
	if o == Acknowledged && w.percent(40) {
		w.setPreferences(ctx, token, a, customer)
	}
	if _, old := w.Customers[customer]; old && o == Acknowledged && w.percent(40) { // the old ledger knows the names of others
		w.rename(ctx, token, a, customer, in.Recipient)
	}
	return o, why
}

// saved is an address of an account.
type saved struct {
	ID string `json:"id"`
	Address
}

// home gives the address that is proposed to somebody, and the ID of the default that was
// chosen; nil: there is none.
func (c *client) home(ctx context.Context, token string) (at *saved, chosen string, o Outcome, why string) {
	a, o, why := c.do(ctx, request{method: http.MethodGet, path: "/v1/me/preferences", token: token, repeats: true})
	var preferences struct {
		Default string `json:"default_address_id"`
	}
	if o == Acknowledged && a.into(&preferences) != nil {
		o = Unknown
	}
	if o != Acknowledged {
		return nil, "", o, why
	}
	a, o, why = c.do(ctx, request{method: http.MethodGet, path: "/v1/me/addresses", token: token, repeats: true})
	var all struct {
		Items []saved `json:"items"`
	}
	if o == Acknowledged && a.into(&all) != nil {
		o = Unknown
	}
	if o != Acknowledged || len(all.Items) == 0 {
		return nil, preferences.Default, o, why
	}
	at = &all.Items[0]
	for i := range all.Items {
		if all.Items[i].ID == preferences.Default {
			at = &all.Items[i]
		}
	}
	return at, preferences.Default, o, why
}

func (w intent) setAddress(ctx context.Context, token string, home Address) (Outcome, string) {
	at, _, o, why := w.client.home(ctx, token)
	if o != Acknowledged {
		return Refused, why // nothing was written
	}
	r := request{method: http.MethodPost, path: "/v1/me/addresses", body: home, token: token}
	if at != nil {
		r.method, r.path, r.repeats = http.MethodPut, r.path+"/"+at.ID, true
	}
	_, o, why = w.client.do(ctx, r)
	return o, why
}

func (w intent) setPreferences(ctx context.Context, token string, a Account, customer int64) {
	_, chosen, o, why := w.client.home(ctx, token)
	if o != Acknowledged {
		w.note(Refused, why, nil)
		return
	}
	s := Settings{Language: "es", Marketing: w.percent(50)}
	if w.percent(50) {
		s.Language = "en"
	}
	body := map[string]any{"currency": "EUR", "language": s.Language, "marketing_mail": s.Marketing}
	if chosen != "" {
		body["default_address_id"] = chosen
	}
	_, o, why = w.client.do(ctx, request{method: http.MethodPut, path: "/v1/me/preferences", body: body, token: token, repeats: true})
	w.note(o, why, func(e *Entries) {
		p := e.person(a, customer)
		if o == Acknowledged {
			p.Settings, p.MaybeSet = &s, nil
		} else {
			p.MaybeSet = append(p.MaybeSet, s)
		}
	})
}

func (w intent) rename(ctx context.Context, token string, a Account, customer int64, name string) {
	_, o, why := w.client.do(ctx, request{method: http.MethodPatch, path: "/v1/me", body: map[string]string{"name": name}, token: token, repeats: true})
	w.note(o, why, func(e *Entries) {
		p := e.person(a, customer)
		if o == Acknowledged {
			p.Name, p.Names = &name, nil
		} else {
			p.Names = append(p.Names, name)
		}
	})
}
