package edge

import (
	"io/fs"
	"net/http"
	"strconv"

	"tienda/internal/httpapi"
)

type index struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Links   links  `json:"links"`
}

type links struct {
	Contract string `json:"contract"`
	Health   string `json:"health"`
}

// OwnRoutes are what the gateway answers itself, besides its probes. The
// public contract is openapi/public.yaml of contracts.
func OwnRoutes(contracts fs.FS) ([]httpapi.Route, error) {
	document, err := fs.ReadFile(contracts, "openapi/public.yaml")
	if err != nil {
		return nil, err
	}
	return []httpapi.Route{
		{Method: http.MethodGet, Path: "/", Who: httpapi.Anyone, Handle: showIndex},
		{Method: http.MethodGet, Path: "/openapi.yaml", Who: httpapi.Anyone, Handle: show(document)},
	}, nil
}

func showIndex(w http.ResponseWriter, _ *http.Request) error {
	return httpapi.Write(w, http.StatusOK, index{Name: "tienda", Version: "1", Links: links{Contract: "/openapi.yaml", Health: "/readyz"}})
}

func show(document []byte) httpapi.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		h := w.Header()
		h.Set("Content-Type", "application/yaml")
		h.Set("Content-Length", strconv.Itoa(len(document)))
		_, _ = w.Write(document) // the client is gone if this fails
		return nil
	}
}
