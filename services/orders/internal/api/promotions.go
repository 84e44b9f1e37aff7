package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/services/orders/internal/promotion"
)

type promotionAnswer struct {
	promotion.Promotion
	Used *int `json:"used,omitempty"`
}

// listPromotions: state 1 get. There are 200 at most, so they are one page.
func (a *API) listPromotions(w http.ResponseWriter, r *http.Request) error {
	all, err := a.Promotions.List(r.Context())
	if err != nil {
		return err
	}
	if all == nil {
		all = []promotion.Promotion{}
	}
	return httpapi.Write(w, http.StatusOK, struct {
		Items []promotion.Promotion `json:"items"`
	}{all})
}

// getPromotion: state 1 get, 1 more if it counts its uses.
func (a *API) getPromotion(w http.ResponseWriter, r *http.Request) error {
	p, used, err := a.Promotions.Get(r.Context(), httpapi.Var(r, "id"))
	if err != nil {
		return err
	}
	out := promotionAnswer{Promotion: p}
	if p.Limited() {
		out.Used = &used
	}
	httpapi.SetETag(w, p.Version)
	return httpapi.Write(w, http.StatusOK, out)
}

// createPromotion: state 1 get, 1 save, and those of a refresh, as putTax.
func (a *API) createPromotion(w http.ResponseWriter, r *http.Request) error {
	var in promotion.Rule
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	p, err := a.Promotions.Create(r.Context(), in)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/promotions/"+p.ID)
	return a.writePromotion(w, r, http.StatusCreated, p)
}

// updatePromotion: state as createPromotion.
func (a *API) updatePromotion(w http.ResponseWriter, r *http.Request) error {
	var in promotion.Rule
	version, err := decodeAt(r, &in)
	if err != nil {
		return err
	}
	p, err := a.Promotions.Update(r.Context(), httpapi.Var(r, "id"), in, version)
	if err != nil {
		return err
	}
	return a.writePromotion(w, r, http.StatusOK, p)
}

// endPromotion: state as createPromotion.
func (a *API) endPromotion(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	p, err := a.Promotions.End(r.Context(), httpapi.Var(r, "id"), version)
	if err != nil {
		return err
	}
	return a.writePromotion(w, r, http.StatusOK, p)
}

// writePromotion answers once this replica prices by the change; the others do within
// 2 s.
func (a *API) writePromotion(w http.ResponseWriter, r *http.Request, status int, p promotion.Promotion) error {
	if err := a.Terms.Refresh(r.Context()); err != nil {
		return err
	}
	httpapi.SetETag(w, p.Version)
	return httpapi.Write(w, status, promotionAnswer{Promotion: p})
}
