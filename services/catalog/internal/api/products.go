package api

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"tienda/internal/caller"
	"tienda/internal/httpapi"
	"tienda/services/catalog/internal/product"
)

// getProduct makes no state call for what is published. Staff see the rest
// too: 1 get by ID, 2 by slug.
func (a *API) getProduct(w http.ResponseWriter, r *http.Request) error {
	ref, whole := httpapi.Var(r, "id"), r.URL.Query().Get("translations") == "true"
	if e := a.Shown.Detail(ref); e != nil {
		if whole {
			return a.sendProduct(w, r, http.StatusOK, e.Product)
		}
		language := a.speak(r, &e.Product)
		setLanguage(w, language)
		httpapi.SetETag(w, e.Product.Version)
		return httpapi.WriteRaw(w, http.StatusOK, e.Detail(language, time.Now()))
	}
	if slug, ok := a.Shown.Moved(ref); ok {
		return movedTo(w, r, slug)
	}
	if !managesProducts(r) {
		return product.ErrMissing
	}
	p, err := a.Products.Find(r.Context(), ref)
	if err != nil {
		return err
	}
	switch {
	case ref != p.ID && ref != p.Slug:
		return movedTo(w, r, p.Slug)
	case whole:
		return a.sendProduct(w, r, http.StatusOK, p)
	}
	book, err := a.Prices.Book(r.Context())
	if err != nil {
		return err
	}
	language := a.speak(r, &p)
	setLanguage(w, language)
	httpapi.SetETag(w, p.Version)
	return httpapi.Write(w, http.StatusOK, view(p, language, stockShown{}, book, time.Now()))
}

// managesProducts says whether the caller sees what is not published, too.
func managesProducts(r *http.Request) bool {
	c := caller.From(r.Context())
	return c.Is(caller.CatalogManager) || c.Has(caller.CatalogWrite)
}

// movedTo sends who asks by a former slug on. It is not for ever: another product
// may take the slug.
func movedTo(w http.ResponseWriter, r *http.Request, slug string) error {
	to := url.URL{Path: "/v1/products/" + slug, RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", to.String())
	w.Header().Set("Cache-Control", "no-cache")
	w.WriteHeader(http.StatusPermanentRedirect)
	return nil
}

// speak gives the language in which a product answers a request.
func (a *API) speak(r *http.Request, p *product.Product) string {
	return a.Languages.Choose(strings.Join(r.Header["Accept-Language"], ","), &p.Details)
}

// setLanguage says in which languages an answer is, and that it depends on the
// caller's.
func setLanguage(w http.ResponseWriter, languages ...string) {
	h := w.Header()
	h["Vary"] = varyLanguage
	if len(languages) > 0 {
		h["Content-Language"] = []string{strings.Join(languages, ", ")}
	}
}

var varyLanguage = []string{"Accept-Language"}

// createProduct: 2 gets, 1 transaction.
func (a *API) createProduct(w http.ResponseWriter, r *http.Request) error {
	var in productInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	p, err := a.Products.Create(r.Context(), in.details(product.Draft))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/products/"+p.ID)
	return a.sendProduct(w, r, http.StatusCreated, p)
}

// replaceProduct: 2 gets, 1 transaction.
func (a *API) replaceProduct(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in productInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	p, err := a.Products.Replace(r.Context(), httpapi.Var(r, "id"), in.details(product.Draft), version)
	if err != nil {
		return err
	}
	return a.sendProduct(w, r, http.StatusOK, p)
}

// deleteProduct: 2 gets, 1 transaction.
func (a *API) deleteProduct(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.Products.Delete(r.Context(), httpapi.Var(r, "id"), version); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

// sendProduct sends a product of any status as it was stated, with the stock
// that is shown.
func (a *API) sendProduct(w http.ResponseWriter, r *http.Request, status int, p product.Product) error {
	var shown stockShown
	if e := a.Shown.Detail(p.ID); e != nil {
		shown = stockShown{e.InStock, e.Waits}
	}
	book, err := a.Prices.Book(r.Context())
	if err != nil {
		return err
	}
	setLanguage(w, p.Language)
	httpapi.SetETag(w, p.Version)
	return httpapi.Write(w, status, asStated(p, shown, book, time.Now()))
}
