package api

import (
	"embed"
	"io/fs"
	"net/http"
	"strconv"
	"strings"

	"tienda/internal/fault"
	"tienda/internal/httpapi"
)

// files are the page, whose data its script asks for.
//
//go:embed page
var files embed.FS

// policy lets the page load its own files and ask its own app, and nothing else: no
// inline script or style, no other host, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// types are the content types of the page's files, by ending.
var types = map[string]string{"html": "text/html", "css": "text/css", "js": "text/javascript"}

func file(name string) httpapi.Handler {
	return func(w http.ResponseWriter, _ *http.Request) error { return send(w, name) }
}

func script(w http.ResponseWriter, r *http.Request) error { return send(w, httpapi.Var(r, "script")) }

func send(w http.ResponseWriter, name string) error {
	b, err := fs.ReadFile(files, "page/"+name)
	if err != nil {
		return fault.Missing("file").Because(err)
	}
	h := w.Header()
	h.Set("Content-Type", types[name[strings.LastIndexByte(name, '.')+1:]]+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache") // another build of the app has other files
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b) //nolint:gosec // a file of this program; the client is gone if this fails
	return nil
}
