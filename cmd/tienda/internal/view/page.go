package view

import (
	"embed"
	"net/http"
	"path"
	"strconv"
)

// files are the page, whose data its script asks for.
//
//go:embed page
var files embed.FS

// types are the content types of the page's files, by ending.
var types = map[string]string{".html": "text/html", ".css": "text/css", ".js": "text/javascript"}

func file(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		b, err := files.ReadFile("page/" + name)
		if err != nil {
			refuse(w, http.StatusNotFound, "there is no such file")
			return
		}
		w.Header().Set("Content-Type", types[path.Ext(name)]+"; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b) // the client is gone if this fails
	}
}
