package api

import (
	"net/http"
	"strings"
	"time"

	"tienda/internal/country"
	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/shopper"
)

type cartAnswer struct {
	Currency   string          `json:"currency"`
	Lines      []cartLine      `json:"lines"`
	Promotions []cartCode      `json:"promotions"`
	Methods    []cartMethod    `json:"shipping_methods,omitempty"`
	Shipping   *shippingAnswer `json:"shipping,omitempty"`
	Totals     cartTotals      `json:"totals"`
	UpdatedAt  time.Time       `json:"updated_at,omitzero"`
}

type cartLine struct {
	SKU         string       `json:"sku"`
	Quantity    int          `json:"quantity"`
	ProductID   string       `json:"product_id,omitempty"`
	Slug        string       `json:"slug,omitempty"`
	Name        string       `json:"name,omitempty"`
	VariantName string       `json:"variant_name,omitempty"`
	UnitPrice   *money.Money `json:"unit_price"`
	LineTotal   *money.Money `json:"line_total"`
	Available   bool         `json:"available"`
	Stock       string       `json:"availability,omitempty"`
	ExpectedAt  time.Time    `json:"expected_at,omitzero"`
	Notice      string       `json:"notice,omitempty"`
	Previous    *money.Money `json:"previous_unit_price,omitempty"`
	*charge
}

// cartCode is a code and what it does.
type cartCode struct {
	Code    string `json:"code"`
	Label   string `json:"label,omitempty"`
	Applied bool   `json:"applied"`
	Reason  string `json:"reason,omitempty"`
}

type cartMethod struct {
	ID    string      `json:"id"`
	Name  string      `json:"name"`
	Price money.Money `json:"price"`
}

type cartTotals struct {
	Quantity int `json:"quantity"`
	totals
}

// Why a line cannot be bought as it is, or what has changed since it was last shown.
const (
	noticeGone    = "no_longer_sold"
	noticeNoPrice = "no_price_in_currency"
	noticeSoldOut = "out_of_stock"
	noticePrice   = "price_changed"
	noticeBack    = "back_in_stock"
)

// getCart: state 1 get (1 save where a price or the stock is another one than was
// shown last, 1 transaction where a guest's cart joins);
// invocations 0, or 1 for quotes that are not in the cache.
func (a *API) getCart(w http.ResponseWriter, r *http.Request) error {
	s, _, err := who(w, r)
	if err != nil {
		return err
	}
	f, err := pricedFor(r)
	if err != nil {
		return err
	}
	p, err := a.Carts.Get(r.Context(), s, f)
	if err != nil {
		return err
	}
	return writeCart(w, r, p)
}

// pricedFor reads what a cart is to be priced for.
func pricedFor(r *http.Request) (cart.For, error) {
	q := r.URL.Query()
	f := cart.For{Currency: q.Get("currency"), Method: q.Get("shipping_method")}
	code := q.Get("country")
	switch {
	case code == "" && (q.Has("region") || f.Method != ""):
		return f, fault.BadField("country", "is required with region and shipping_method")
	case code == "":
		return f, nil
	case !country.Valid(code):
		return f, fault.New(fault.Unprocessable, "country_unknown", "There is no such country.").At("country", "is not a country of ISO 3166")
	}
	f.To = &pricing.Destination{Country: code, Region: q.Get("region")}
	return f, nil
}

// putItem: state 1 get, 1 save; invocations as getCart.
func (a *API) putItem(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Quantity int `json:"quantity"`
	}
	return fill(w, r, &in, func(s shopper.Shopper, f cart.For, version int64) (cart.Priced, error) {
		return a.Carts.Put(r.Context(), s, httpapi.Var(r, "sku"), in.Quantity, f, version)
	})
}

// applyCode: state 1 get, 1 save; invocations as getCart.
func (a *API) applyCode(w http.ResponseWriter, r *http.Request) error {
	return fill(w, r, nil, func(s shopper.Shopper, f cart.For, version int64) (cart.Priced, error) {
		return a.Carts.Apply(r.Context(), s, codeOf(r), f, version)
	})
}

// dropCode: state 1 get, 1 save.
func (a *API) dropCode(w http.ResponseWriter, r *http.Request) error {
	return change(w, r, func(s shopper.Shopper, version int64) (bool, error) {
		return a.Carts.Drop(r.Context(), s, codeOf(r), version)
	})
}

// codeOf gives the code in the path; how it is written does not matter.
func codeOf(r *http.Request) string { return strings.ToUpper(httpapi.Var(r, "code")) }

// fill puts something into a cart; a guest without one gets one. in is the body to
// read, nil for none.
func fill(w http.ResponseWriter, r *http.Request, in any, fn func(shopper.Shopper, cart.For, int64) (cart.Priced, error)) error {
	s, token, err := who(w, r)
	if err != nil {
		return err
	}
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	f, err := pricedFor(r)
	if err != nil {
		return err
	}
	if in != nil {
		if err := httpapi.Decode(r, in); err != nil {
			return err
		}
	}
	fresh := s.Owner() == ""
	if fresh {
		token = shopper.NewToken()
		if s.Guest, err = shopper.Guest(token); err != nil {
			return err
		}
	}
	p, err := fn(s, f, version)
	if err != nil {
		return err
	}
	if fresh {
		w.Header().Set(headerToken, token)
	}
	if s.User == "" {
		setCookie(w, r, token) // its life begins anew, like the cart's
	}
	return writeCart(w, r, p)
}

// removeItem: state 1 get, 1 save.
func (a *API) removeItem(w http.ResponseWriter, r *http.Request) error {
	return change(w, r, func(s shopper.Shopper, version int64) (bool, error) {
		return a.Carts.Remove(r.Context(), s, httpapi.Var(r, "sku"), version)
	})
}

// emptyCart: state 1 get, 1 save.
func (a *API) emptyCart(w http.ResponseWriter, r *http.Request) error {
	return change(w, r, func(s shopper.Shopper, version int64) (bool, error) {
		return a.Carts.Empty(r.Context(), s, version)
	})
}

func change(w http.ResponseWriter, r *http.Request, fn func(shopper.Shopper, int64) (joined bool, err error)) error {
	s, _, err := who(w, r)
	if err != nil {
		return err
	}
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	joined, err := fn(s, version)
	if err != nil {
		return err
	}
	if joined {
		expireCookie(w, r)
	}
	return httpapi.NoContent(w)
}

func writeCart(w http.ResponseWriter, r *http.Request, p cart.Priced) error {
	if p.Joined {
		expireCookie(w, r)
	}
	if p.Version > 0 {
		httpapi.SetETag(w, p.Version)
	}
	return httpapi.Write(w, http.StatusOK, answerOf(p))
}

func answerOf(p cart.Priced) cartAnswer {
	in := func(n int64) money.Money { return money.New(n, p.Currency) }
	t := p.Bill.Totals
	out := cartAnswer{
		Currency: p.Currency, Lines: make([]cartLine, len(p.Lines)), Promotions: make([]cartCode, len(p.Bill.Codes)), UpdatedAt: p.UpdatedAt,
		Shipping: viewShipping(p.Bill.Shipping, p.Currency),
		Totals:   cartTotals{totals: totals{in(t.Items), in(t.Discount), in(t.Shipping), in(t.Tax), in(t.Total), t.TaxIncluded}},
	}
	for i, c := range p.Bill.Codes {
		out.Promotions[i] = cartCode{Code: c.Code, Label: c.Label, Applied: c.Reason == "", Reason: string(c.Reason)}
	}
	for _, d := range p.Bill.Offers {
		out.Methods = append(out.Methods, cartMethod{ID: d.Method, Name: d.Name, Price: in(d.Price)})
	}
	priced := 0
	for i, l := range p.Lines {
		q, sold := p.Quotes[l.SKU]
		line := cartLine{
			SKU: l.SKU, Quantity: l.Quantity, ProductID: q.ProductID, Slug: q.Slug, Name: q.Name,
			VariantName: q.VariantName, UnitPrice: q.UnitPrice, Available: q.Available,
			Stock: q.Availability, ExpectedAt: q.ExpectedAt,
		}
		changed := p.Changes[l.SKU]
		line.Previous = changed.Was
		switch {
		case !sold:
			line.Notice = noticeGone
		case q.UnitPrice == nil:
			line.Notice = noticeNoPrice
		case !q.Available:
			line.Notice = noticeSoldOut
		case line.Previous != nil:
			line.Notice = noticePrice
		case changed.Back:
			line.Notice = noticeBack
		}
		if q.UnitPrice != nil {
			c := p.Bill.Lines[priced]
			sum, costs := in(c.List), viewCharge(c.Charge, p.Currency)
			line.LineTotal, line.charge = &sum, &costs
			priced++
		}
		out.Totals.Quantity += l.Quantity
		out.Lines[i] = line
	}
	return out
}
