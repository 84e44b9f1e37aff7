package route

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

const speaking = "languages: [en, es, pt-BR]\nroutes: [{path: /a, methods: [GET], app: catalog, access: public, timeout: 1s, max_body_bytes: 1}]"

func TestLanguages(t *testing.T) {
	table, err := Parse([]byte(speaking), 1)
	require.NoError(t, err)
	l := table.Routes()[0].Languages
	for accept, want := range map[string]string{
		"en":                              "en",
		"es-MX,es;q=0.9,en-US;q=0.8":      "es",
		"de, en;q=0.1":                    "en",
		"en;q=0.1, es;q=0.2":              "es",
		"pt":                              "pt-BR",
		"de":                              "",
		"*":                               "",
		"es;q=0":                          "",
		"%":                               "",
		fmt.Sprintf("es,%01100d", 1):      "",
		"en-GB-oed, x-private, i-klingon": "en",
	} {
		for range 2 { // the second time from memory
			h := http.Header{"Accept-Language": {accept}}
			l.Normalise(h)
			require.Equal(t, want, h.Get("Accept-Language"), accept)
			require.Equal(t, want != "", len(h) == 1, accept)
		}
	}
	h := http.Header{"Accept-Language": {"de", "es;q=0.5"}}
	l.Normalise(h)
	require.Equal(t, []string{"es"}, h["Accept-Language"], "two headers are one list")
	h = http.Header{}
	l.Normalise(h)
	require.Empty(t, h)
	for i := range 2 * keptAccepts { // whoever sends other headers all the time fills nothing
		l.best(fmt.Sprintf("es;q=0.%d", i))
		require.LessOrEqual(t, len(l.kept), keptAccepts)
	}
}

func TestATableWithoutLanguages(t *testing.T) {
	var l *Languages
	h := http.Header{"Accept-Language": {"es"}}
	l.Normalise(h)
	require.Empty(t, h)
	_, err := Parse([]byte("languages: [english, EN, es]\n"+speaking[len("languages: [en, es, pt-BR]\n"):]), 1)
	require.ErrorContains(t, err, `"english"`)
	require.ErrorContains(t, err, `"EN"`)
	require.NotContains(t, err.Error(), `"es"`)
}
