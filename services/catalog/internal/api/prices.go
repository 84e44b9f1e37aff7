package api

import (
	"net/http"
	"time"

	"tienda/internal/httpapi"
	"tienda/internal/money"
	"tienda/internal/page"
	"tienda/services/catalog/internal/pricing"
	"tienda/services/catalog/internal/product"
)

// priceView is a price that holds, and why.
type priceView struct {
	Amount      int64        `json:"amount"`
	Currency    string       `json:"currency"`
	Kind        pricing.Kind `json:"kind"`
	List        string       `json:"list,omitempty"`
	MinQuantity int          `json:"min_quantity"`
	Was         *money.Money `json:"was,omitempty"`
	EndsAt      time.Time    `json:"ends_at,omitzero"`
}

func viewPrice(p pricing.Price) priceView {
	v := priceView{Amount: p.Amount, Currency: p.Currency, Kind: p.Kind, List: p.List, MinQuantity: p.Quantity, EndsAt: p.EndsAt}
	if p.Was != (money.Money{}) {
		v.Was = &p.Was
	}
	return v
}

// pricesAt gives what one of a SKU costs everybody in each of its currencies, and
// what more of them at once do.
func pricesAt(p pricing.Prices, book pricing.Book, now time.Time) (one, tiers []priceView) {
	one = make([]priceView, 0, len(p.Base))
	for _, base := range p.Base {
		if at, ok := p.At(book, pricing.Ask{Currency: base.Currency, Quantity: 1, Now: now}); ok {
			one = append(one, viewPrice(at))
		}
		for _, tier := range p.Tiers(book, base.Currency, now) {
			tiers = append(tiers, viewPrice(tier))
		}
	}
	return one, tiers
}

type priceListInput struct {
	Name     string    `json:"name"`
	Group    string    `json:"customer_group"`
	StartsAt time.Time `json:"starts_at"`
	EndsAt   time.Time `json:"ends_at"`
}

func (in priceListInput) list(id string) pricing.List {
	return pricing.List{ID: id, Name: in.Name, Group: in.Group, Starts: in.StartsAt.UTC(), Ends: in.EndsAt.UTC()}
}

type priceListView struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Group    string    `json:"customer_group,omitempty"`
	StartsAt time.Time `json:"starts_at,omitzero"`
	EndsAt   time.Time `json:"ends_at,omitzero"`
}

func viewList(l pricing.List) priceListView {
	return priceListView{l.ID, l.Name, l.Group, l.Starts, l.Ends}
}

// listPriceLists: 1 get.
func (a *API) listPriceLists(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Prices.Lists(r.Context())
	if err != nil {
		return err
	}
	out := page.Of[priceListView]{Items: make([]priceListView, len(all))}
	for i, l := range all {
		out.Items[i] = viewList(l)
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// createPriceList: 1 get, 1 save.
func (a *API) createPriceList(w http.ResponseWriter, r *http.Request) error {
	var in priceListInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	l, err := a.Prices.Create(r.Context(), in.list(""))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/price-lists/"+l.ID)
	httpapi.SetETag(w, l.Version)
	return httpapi.Write(w, http.StatusCreated, viewList(l))
}

// changePriceList: 1 get, 1 save.
func (a *API) changePriceList(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in priceListInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	l, err := a.Prices.Change(r.Context(), in.list(httpapi.Var(r, "id")), version)
	if err != nil {
		return err
	}
	httpapi.SetETag(w, l.Version)
	return httpapi.Write(w, http.StatusOK, viewList(l))
}

// deletePriceList: 1 get, 1 save.
func (a *API) deletePriceList(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.Prices.Delete(r.Context(), httpapi.Var(r, "id"), version); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

type entryBody struct {
	List        string `json:"list"`
	Currency    string `json:"currency"`
	Amount      int64  `json:"amount"`
	MinQuantity int    `json:"min_quantity"`
}

// getPrices: 2 gets.
func (a *API) getPrices(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Products.FindSKU(r.Context(), httpapi.Var(r, "sku"))
	if err != nil {
		return err
	}
	return a.sendPrices(w, r, p)
}

// replacePrices: 1 get of the price lists, 2 of the product, then as replaceProduct.
func (a *API) replacePrices(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in struct {
		Prices []entryBody `json:"prices"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	lists, err := a.Prices.Lists(r.Context())
	if err != nil {
		return err
	}
	entries := make([]pricing.Entry, len(in.Prices))
	for i, e := range in.Prices {
		entries[i] = pricing.Entry(e)
		entries[i].MinQuantity = max(e.MinQuantity, 1)
	}
	p, err := a.Products.SetListed(r.Context(), httpapi.Var(r, "sku"), entries, lists.Book(), version)
	if err != nil {
		return err
	}
	return a.sendPrices(w, r, p)
}

func (a *API) sendPrices(w http.ResponseWriter, r *http.Request, p product.Product) error {
	book, err := a.Prices.Book(r.Context())
	if err != nil {
		return err
	}
	out := struct {
		SKU       string        `json:"sku"`
		ProductID string        `json:"product_id"`
		Base      []money.Money `json:"base"`
		Prices    []entryBody   `json:"prices"`
		Now       []priceView   `json:"now"`
		Tiers     []priceView   `json:"tiers"`
	}{SKU: httpapi.Var(r, "sku"), ProductID: p.ID, Prices: []entryBody{}, Tiers: []priceView{}}
	for _, v := range p.Variants {
		if v.SKU != out.SKU {
			continue
		}
		prices := p.Prices(v)
		out.Base = prices.Base
		for _, e := range prices.Listed {
			out.Prices = append(out.Prices, entryBody(e))
		}
		one, tiers := pricesAt(prices, book, time.Now())
		out.Now, out.Tiers = one, append(out.Tiers, tiers...)
	}
	httpapi.SetETag(w, p.Version)
	return httpapi.Write(w, http.StatusOK, out)
}

type priceChange struct {
	At          time.Time `json:"at"`
	Currency    string    `json:"currency"`
	List        string    `json:"list,omitempty"`
	MinQuantity int       `json:"min_quantity,omitempty"`
	From        int64     `json:"from,omitempty"`
	To          int64     `json:"to,omitempty"`
	Version     int64     `json:"-"`
}

// listPriceChanges: 3 gets, 1 more for each 50 changes further back.
func (a *API) listPriceChanges(w http.ResponseWriter, r *http.Request) error {
	changes, next, err := a.Prices.History(r.Context(), httpapi.Var(r, "sku"), page.Limit(httpapi.QueryInt(r, "limit")), r.URL.Query().Get("cursor"))
	if err != nil {
		return err
	}
	out := page.Of[priceChange]{Items: make([]priceChange, len(changes)), NextCursor: next}
	for i, c := range changes {
		out.Items[i] = priceChange(c)
	}
	return httpapi.Write(w, http.StatusOK, out)
}
