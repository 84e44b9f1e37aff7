package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/services/orders/internal/pricing"
	"tienda/services/orders/internal/settings"
)

// getTax: state 1 get.
func (a *API) getTax(w http.ResponseWriter, r *http.Request) error {
	t, err := a.Settings.Tax(r.Context())
	if err != nil {
		return err
	}
	return writeTax(w, t)
}

// putTax: state 1 get, 1 save, and those of a refresh, so that this replica prices by
// it from its answer on; the others within 2 s.
func (a *API) putTax(w http.ResponseWriter, r *http.Request) error {
	var in settings.Tax
	version, err := decodeAt(r, &in)
	if err != nil {
		return err
	}
	t, err := a.Settings.PutTax(r.Context(), in, version)
	if err != nil {
		return err
	}
	if err := a.Terms.Refresh(r.Context()); err != nil {
		return err
	}
	return writeTax(w, t)
}

func writeTax(w http.ResponseWriter, t settings.Tax) error {
	if t.Included == nil {
		t.Included = []string{}
	}
	if t.Rates == nil {
		t.Rates = []pricing.Rate{}
	}
	if t.Rounding == "" {
		t.Rounding = pricing.HalfUp
	}
	if t.Version > 0 {
		httpapi.SetETag(w, t.Version)
	}
	return httpapi.Write(w, http.StatusOK, t)
}

// getShipping: state 1 get.
func (a *API) getShipping(w http.ResponseWriter, r *http.Request) error {
	s, err := a.Settings.Shipping(r.Context())
	if err != nil {
		return err
	}
	return writeShipping(w, s)
}

// putShipping: state as putTax.
func (a *API) putShipping(w http.ResponseWriter, r *http.Request) error {
	var in settings.Shipping
	version, err := decodeAt(r, &in)
	if err != nil {
		return err
	}
	s, err := a.Settings.PutShipping(r.Context(), in, version)
	if err != nil {
		return err
	}
	if err := a.Terms.Refresh(r.Context()); err != nil {
		return err
	}
	return writeShipping(w, s)
}

func writeShipping(w http.ResponseWriter, s settings.Shipping) error {
	if s.Methods == nil {
		s.Methods = []settings.Method{}
	}
	for i, m := range s.Methods {
		if m.TaxClass == "" {
			s.Methods[i].TaxClass = pricing.Standard
		}
	}
	if s.Version > 0 {
		httpapi.SetETag(w, s.Version)
	}
	return httpapi.Write(w, http.StatusOK, s)
}

// decodeAt reads a body and the version that its sender has seen.
func decodeAt(r *http.Request, in any) (int64, error) {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return 0, err
	}
	return version, httpapi.Decode(r, in)
}

// getPayments: state 1 get.
func (a *API) getPayments(w http.ResponseWriter, r *http.Request) error {
	p, err := a.Settings.Payments(r.Context())
	if err != nil {
		return err
	}
	return writePayments(w, p)
}

// putPayments: state as putTax.
func (a *API) putPayments(w http.ResponseWriter, r *http.Request) error {
	var in settings.Payments
	version, err := decodeAt(r, &in)
	if err != nil {
		return err
	}
	p, err := a.Settings.PutPayments(r.Context(), in, version)
	if err != nil {
		return err
	}
	if err := a.Terms.Refresh(r.Context()); err != nil {
		return err
	}
	return writePayments(w, p)
}

func writePayments(w http.ResponseWriter, p settings.Payments) error {
	if p.Capture == "" {
		p.Capture = settings.OnShipment
	}
	if p.Version > 0 {
		httpapi.SetETag(w, p.Version)
	}
	return httpapi.Write(w, http.StatusOK, p)
}
