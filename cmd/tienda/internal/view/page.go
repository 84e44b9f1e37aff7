package view

import (
	"embed"
	"net/http"

	"tienda/internal/webpage"
)

//go:embed page
var files embed.FS

// page is what the port shows to people; its data its script asks for.
var page = webpage.New(files)

func file(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if page.Send(w, name) != nil {
			refuse(w, http.StatusNotFound, "there is no such file")
		}
	}
}
