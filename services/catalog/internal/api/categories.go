package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/internal/page"
	"tienda/services/catalog/internal/product"
)

type categoryInput struct {
	Slug     string `json:"slug"`
	Name     string `json:"name"`
	Parent   string `json:"parent"`
	Position int    `json:"position"`
}

type categoryBody struct {
	Slug     string   `json:"slug"`
	Name     string   `json:"name"`
	Parent   string   `json:"parent,omitempty"`
	Position int      `json:"position"`
	Path     []string `json:"path"`
}

func bodyOf(c product.Category, path []string) categoryBody {
	return categoryBody{Slug: c.Slug, Name: c.Name, Parent: c.Parent, Position: c.Position, Path: path}
}

// listCategories makes no state call.
func (a *API) listCategories(w http.ResponseWriter, _ *http.Request) error {
	all := a.Shown.Categories()
	paths := all.Paths()
	out := page.Of[categoryBody]{Items: make([]categoryBody, len(all))}
	for i, c := range all {
		out.Items[i] = bodyOf(c, paths[c.Slug])
	}
	return httpapi.Write(w, http.StatusOK, out)
}

// createCategory: 1 get, 1 save.
func (a *API) createCategory(w http.ResponseWriter, r *http.Request) error {
	var in categoryInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c, path, err := a.Products.CreateCategory(r.Context(), product.Category{Slug: in.Slug, Name: in.Name, Parent: in.Parent, Position: in.Position})
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/categories/"+c.Slug)
	return sendCategory(w, http.StatusCreated, c, path)
}

// changeCategory: 1 get, 1 save.
func (a *API) changeCategory(w http.ResponseWriter, r *http.Request) error {
	version, err := httpapi.IfMatch(r)
	if err != nil {
		return err
	}
	var in categoryInput
	if err := httpapi.Decode(r, &in); err != nil {
		return err
	}
	c, path, err := a.Products.ChangeCategory(r.Context(),
		product.Category{Slug: httpapi.Var(r, "slug"), Name: in.Name, Parent: in.Parent, Position: in.Position}, version)
	if err != nil {
		return err
	}
	return sendCategory(w, http.StatusOK, c, path)
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

func sendCategory(w http.ResponseWriter, status int, c product.Category, path []string) error {
	httpapi.SetETag(w, c.Version)
	return httpapi.Write(w, status, bodyOf(c, path))
}
