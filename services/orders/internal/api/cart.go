package api

import (
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/services/orders/internal/cart"
	"tienda/services/orders/internal/shopper"
)

type cartAnswer struct {
	Currency  string     `json:"currency"`
	Lines     []cartLine `json:"lines"`
	Totals    cartTotals `json:"totals"`
	UpdatedAt time.Time  `json:"updated_at,omitzero"`
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
	Notice      string       `json:"notice,omitempty"`
}

type cartTotals struct {
	Quantity int         `json:"quantity"`
	Subtotal money.Money `json:"subtotal"`
}

// Why a line cannot be bought as it is.
const (
	noticeGone    = "no_longer_sold"
	noticeNoPrice = "no_price_in_currency"
	noticeSoldOut = "out_of_stock"
)

// getCart: state 1 get (1 more transaction where a guest's cart joins);
// invocations 0, or 1 for quotes that are not in the cache.
func (a *API) getCart(w http.ResponseWriter, r *http.Request) error {
	s, _, err := who(w, r)
	if err != nil {
		return err
	}
	p, err := a.Carts.Get(r.Context(), s, r.URL.Query().Get("currency"))
	if err != nil {
		return err
	}
	return writeCart(w, r, p)
}

// putItem: state 1 get, 1 save; invocations as getCart.
func (a *API) putItem(w http.ResponseWriter, r *http.Request) error {
	s, token, err := who(w, r)
	if err != nil {
		return err
	}
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in struct {
		Quantity int `json:"quantity"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	fresh := s.Owner() == ""
	if fresh {
		token = shopper.NewToken()
		if s.Guest, err = shopper.Guest(token); err != nil {
			return err
		}
	}
	p, err := a.Carts.Put(r.Context(), s, httpapi.Var(r, "sku"), in.Quantity, r.URL.Query().Get("currency"), version)
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
	out, err := answerOf(p)
	if err != nil {
		return err
	}
	if p.Joined {
		expireCookie(w, r)
	}
	if p.Version > 0 {
		httpapi.SetETag(w, p.Version)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

func answerOf(p cart.Priced) (cartAnswer, error) {
	out := cartAnswer{
		Currency: p.Currency, Lines: make([]cartLine, len(p.Lines)), UpdatedAt: p.UpdatedAt,
		Totals: cartTotals{Subtotal: money.New(0, p.Currency)},
	}
	for i, l := range p.Lines {
		q, sold := p.Quotes[l.SKU]
		line := cartLine{
			SKU: l.SKU, Quantity: l.Quantity, ProductID: q.ProductID, Slug: q.Slug, Name: q.Name,
			VariantName: q.VariantName, UnitPrice: q.UnitPrice, Available: q.Available,
		}
		switch {
		case !sold:
			line.Notice = noticeGone
		case q.UnitPrice == nil:
			line.Notice = noticeNoPrice
		case !q.Available:
			line.Notice = noticeSoldOut
		}
		if q.UnitPrice != nil {
			sum, err := q.UnitPrice.Times(int64(l.Quantity))
			if err != nil {
				return out, err
			}
			line.LineTotal = &sum
			if out.Totals.Subtotal, err = out.Totals.Subtotal.Add(sum); err != nil {
				return out, err
			}
		}
		out.Totals.Quantity += l.Quantity
		out.Lines[i] = line
	}
	return out, nil
}
