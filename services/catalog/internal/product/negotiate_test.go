package product

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChoose(t *testing.T) {
	d := details(func(d *Details) {
		d.Translations = map[string]Translation{"en": {Name: "Coffee"}, "pt-BR": {Name: "Café"}, "zh-Hant": {Name: "咖啡"}}
	})
	var n Negotiator
	for accept, want := range map[string]string{
		"":                           "es",
		"es":                         "es",
		"en":                         "en",
		"en-GB":                      "en",
		"de":                         "es",
		"*":                          "es",
		"de, en;q=0.5, es;q=0.1":     "en",
		"en;q=0.2, pt-BR;q=0.9":      "pt-BR",
		"pt":                         "pt-BR",
		"zh-TW":                      "zh-Hant",
		"en;q=0":                     "es",
		"%%%":                        "es",
		"en;q=not-a-number":          "es",
		"de-AT, fr-CH;q=0.8, es-419": "es",
	} {
		for range 2 { // the second time from memory
			require.Equal(t, want, n.Choose(accept, &d), accept)
		}
	}
	plain := details(func(*Details) {})
	require.Equal(t, "es", n.Choose("en", &plain), "what is in one language is answered in that")
}

func TestChoicesAreForgotten(t *testing.T) {
	d := details(func(d *Details) { d.Translations = map[string]Translation{"en": {Name: "Coffee"}} })
	var n Negotiator
	n.kept = map[string]string{}
	for i := range keptChoices {
		n.kept[fmt.Sprint("filler ", i)] = "x"
	}
	require.Equal(t, "en", n.Choose("en-GB", &d))
	require.Len(t, n.kept, 1)
}
