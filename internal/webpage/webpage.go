// Package webpage has what the pages for people have in common: how things look and are
// drawn, how data is asked for with a token, and what a browser may do with a page.
package webpage

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
)

//go:embed files
var common embed.FS

// types are the content types of the files of a page, by ending.
var types = map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

// policy lets a page load its own files and ask its own server, and nothing else: no
// inline script or style, no other host, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page is the files of one page.
type Page struct{ own fs.FS }

// New gives the page whose own files are in a folder named page of own.
func New(own fs.FS) Page { return Page{own: own} }

// Send answers with a file: one of the page's own or, where it has none of that name, one
// that all pages have (kit.js). page.css comes after the style that all have. It gives an
// error that is fs.ErrNotExist, and sends nothing, where there is no such file.
func (p Page) Send(w http.ResponseWriter, name string) error {
	b, err := p.read(name)
	if err != nil {
		return fmt.Errorf("file %q of a page: %w", name, err)
	}
	h := w.Header()
	Secure(h)
	h.Set("Content-Type", types[path.Ext(name)]+"; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(b) // the client is gone if this fails
	return nil
}

func (p Page) read(name string) ([]byte, error) {
	if types[path.Ext(name)] == "" || path.Base(name) != name {
		return nil, fs.ErrNotExist
	}
	all, err := fs.ReadFile(common, "files/"+name)
	if err == nil && name != "page.css" {
		return all, nil
	}
	own, err := fs.ReadFile(p.own, "page/"+name)
	return append(all, own...), err
}

// Secure says what a browser may do with an answer of the page's server.
func Secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store") // another build has other files, and data is of its moment
}
