package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/catalog/internal/product"
)

type categoryBody struct {
	Slug string `json:"slug"`
	Name string `json:"name"`
}

// listCategories makes no state call.
func (a *API) listCategories(w http.ResponseWriter, _ *http.Request) error {
	out := page.Of[categoryBody]{Items: []categoryBody{}}
	for _, c := range a.Shown.Categories() {
		out.Items = append(out.Items, categoryBody{c.Slug, c.Name})
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// createCategory: 1 get, 1 save.
func (a *API) createCategory(w http.ResponseWriter, r *http.Request) error {
	var in categoryBody
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c, err := a.Products.CreateCategory(r.Context(), in.Slug, in.Name)
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/categories/"+c.Slug)
	return sendCategory(w, http.StatusCreated, c)
}

// changeCategory: 1 get, 1 save.
func (a *API) changeCategory(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in struct {
		Name string `json:"name"`
	}
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c, err := a.Products.RenameCategory(r.Context(), httpapi.Var(r, "slug"), in.Name, version)
	if err != nil {
		return err
	}
	return sendCategory(w, http.StatusOK, c)
}

// deleteCategory: 1 get where a product is known to be in it, or else some 200
// calls (statestore/category.go).
func (a *API) deleteCategory(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	if err := a.Products.DeleteCategory(r.Context(), httpapi.Var(r, "slug"), version); err != nil {
		return err
	}
	return httpapi.NoContent(w)
}

func sendCategory(w http.ResponseWriter, status int, c product.Category) error {
	httpapi.SetETag(w, c.Version)
	return httpapi.Write(w, status, categoryBody{c.Slug, c.Name})
}
