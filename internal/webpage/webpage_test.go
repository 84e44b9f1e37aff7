package webpage_test

import (
	"io/fs"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"tienda/internal/webpage"
)

func TestAPageHasItsOwnFilesAndThoseOfAll(t *testing.T) {
	page := webpage.New(fstest.MapFS{
		"page/index.html": {Data: []byte("<p>own</p>")}, "page/page.css": {Data: []byte("body { max-width: 1rem; }")},
		"page/secret.txt": {Data: []byte("not a file of a page")}, "secret.js": {Data: []byte("beside it")},
	})
	get := func(name string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		require.NoError(t, page.Send(w, name))
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		return w
	}
	require.Equal(t, "<p>own</p>", get("index.html").Body.String())
	require.Equal(t, "text/javascript; charset=utf-8", get("kit.js").Header().Get("Content-Type"))
	style := get("page.css").Body.String()
	require.True(t, strings.HasPrefix(style, ":root {"), "the style of all comes first")
	require.True(t, strings.HasSuffix(style, "body { max-width: 1rem; }"))
	require.Equal(t, style, get("page.css").Body.String())

	for _, name := range []string{"none.js", "secret.txt", "../secret.js", "", ".", "files", "/index.html"} {
		w := httptest.NewRecorder()
		require.ErrorIs(t, page.Send(w, name), fs.ErrNotExist, name)
		require.Empty(t, w.Header(), name)
	}
}
