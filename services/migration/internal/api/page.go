package api

import (
	"embed"
	"net/http"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
	"tienda/internal/webpage"
)

//go:embed page
var files embed.FS

// shown is the page for people; its data its script asks for.
var shown = webpage.New(files)

func file(name string) httpapi.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error { return send(w, name) }
}

func script(w http.ResponseWriter, r *http.Request) error { return send(w, httpapi.Var(r, "script")) }

func send(w http.ResponseWriter, name string) error {
	if err := shown.Send(w, name); err != nil {
		return fault.Missing("file").Because(err)
	}
	return nil
}
