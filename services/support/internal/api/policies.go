package api

import (
	"net/http"

	"tienda/internal/httpapi"
	"tienda/services/support/internal/rma"
)

// The domain's own form of rules is that of the contract.
type policiesBody struct {
	Reasons    []rma.Reason        `json:"reasons"`
	Default    rma.Rules           `json:"default"`
	Categories []rma.CategoryRules `json:"categories"`
	Version    int64               `json:"version"`
}

func writePolicies(w http.ResponseWriter, p rma.Policies) error {
	httpapi.SetETag(w, p.Version)
	return httpapi.Write(w, http.StatusOK, policiesBody(p))
}

// policies: 1 state call.
func (h returnHandlers) policies(w http.ResponseWriter, r *http.Request) error {
	p, err := h.returns.Policies(r.Context())
	if err != nil {
		return err
	}
	return writePolicies(w, p)
}

// setPolicies: 2 state calls.
func (h returnHandlers) setPolicies(w http.ResponseWriter, r *http.Request) error {
	in := policiesBody{Categories: []rma.CategoryRules{}}
	version, err := decodeWrite(r, &in)
	if err != nil {
		return err
	}
	p, err := h.returns.SetPolicies(r.Context(), rma.Policies{Reasons: in.Reasons, Default: in.Default, Categories: in.Categories}, version)
	if err != nil {
		return err
	}
	return writePolicies(w, p)
}
