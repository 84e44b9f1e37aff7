package api

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Products answer in the language that the caller prefers of theirs, alone and in
// lists, and say which one it is.
func TestLanguages(t *testing.T) {
	s, _ := stocked(t) // coffee, in English alone
	var in map[string]any
	require.NoError(t, json.Unmarshal([]byte(shirt), &in)) // Spanish, English and Brazilian
	a := s.call(201, manager, "POST", "/v1/products", in)
	require.Equal(t, "es", a.Header.Get("Content-Language"))
	for accept, want := range map[string][3]string{
		"":                      {"es", "Camisa", "De lino."},
		"en-GB, es;q=0.5":       {"en", "Shirt", "Of linen."},
		"fr, es;q=0.5, en;q=.1": {"es", "Camisa", "De lino."},
		"pt-BR":                 {"pt-BR", "Camisa", ""},
		"de":                    {"es", "Camisa", "De lino."},
		"not a language!":       {"es", "Camisa", "De lino."},
	} {
		for range 2 { // encoded, and as it was encoded
			a = s.call(200, nobody, "GET", "/v1/products/camisa", nil, "Accept-Language", accept)
			var got productView
			a.JSON(t, &got)
			require.Equal(t, want, [3]string{got.Language, got.Name, got.Description}, accept)
			require.Equal(t, want[0], a.Header.Get("Content-Language"), accept)
			require.Equal(t, "Accept-Language", a.Header.Get("Vary"))
			require.Equal(t, []string{"es", "en", "pt-BR"}, got.Languages)
			require.Nil(t, got.Translations)
		}
	}
	for accept, want := range map[string][3]string{
		"en": {"en", "Shirt", "en"}, "es": {"es", "Camisa", "es, en"}, "": {"es", "Camisa", "es, en"},
	} {
		a = s.call(200, nobody, "GET", "/v1/products?sort=newest", nil, "Accept-Language", accept)
		var list struct{ Items []productSummary }
		a.JSON(t, &list)
		require.Len(t, list.Items, 2)
		require.Equal(t, want, [3]string{list.Items[0].Language, list.Items[0].Name, a.Header.Get("Content-Language")}, accept)
		require.Equal(t, [2]string{"en", "Café Molido"}, [2]string{list.Items[1].Language, list.Items[1].Name})
		require.Equal(t, "Accept-Language", a.Header.Get("Vary"))
	}
	var list struct{ Items []productSummary }
	s.call(200, nobody, "GET", "/v1/products?q=linen", nil, "Accept-Language", "es").JSON(t, &list)
	require.Len(t, list.Items, 1, "found by the words of any language")

	// Stock and a change are seen in every language.
	s.call(200, manager, "PATCH", "/v1/inventory/SHIRT-M", map[string]any{"on_hand": 1, "reason": "first"})
	in["translations"] = map[string]any{"en": map[string]any{"name": "Linen Shirt"}}
	for range 2 {
		var got productView
		s.call(200, nobody, "GET", "/v1/products/camisa", nil, "Accept-Language", "en").JSON(t, &got)
		require.True(t, got.InStock)
		s.call(200, manager, "PUT", "/v1/products/"+got.ID, in)
	}
	var got productView
	s.call(200, nobody, "GET", "/v1/products/camisa", nil, "Accept-Language", "pt-BR, en;q=0.2").JSON(t, &got)
	require.Equal(t, "Linen Shirt", got.Name)

	// As it was stated, also of a draft.
	for _, status := range []string{"published", "draft"} {
		in["status"] = status
		s.call(200, manager, "PUT", "/v1/products/"+got.ID, in)
		a = s.call(200, manager, "GET", "/v1/products/"+got.ID+"?translations=true", nil, "Accept-Language", "en")
		var whole productView
		a.JSON(t, &whole)
		require.Equal(t, "Camisa", whole.Name)
		require.Equal(t, map[string]textBody{"en": {Name: "Linen Shirt"}}, whole.Translations)
	}
	a = s.call(200, manager, "GET", "/v1/products/"+got.ID, nil, "Accept-Language", "en")
	require.Equal(t, "en", a.Header.Get("Content-Language"))
}
