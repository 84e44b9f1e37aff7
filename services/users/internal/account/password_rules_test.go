package account

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestCheckPassword(t *testing.T) {
	tests := []struct {
		name, password string
		emails         []string
		reason         string // "": allowed
	}{
		{"a sentence", "a good password", nil, ""},
		{"as in the demo shop", "demo-customer-1", nil, ""},
		{"no letters needed", "70317 85522", nil, ""},
		{"eight", "ññññññññ", nil, ""},
		{"eight letters in sixteen code points", strings.Repeat("n\u0303", 8), nil, ""},
		{"seven letters in fourteen code points", strings.Repeat("n\u0303", 7), nil, "has fewer than 8 characters"},
		{"seven", "xq7-Zk!", nil, "has fewer than 8 characters"},
		{"128", strings.Repeat("☃", 128), nil, ""},
		{"129", strings.Repeat("☃", 129), nil, "has more than 128 characters"},
		{"none", "", nil, "has fewer than 8 characters"},
		{"bytes", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", nil, "is not valid text"},
		{"the most common", "password", nil, "is one of the most common passwords"},
		{"the last of the list", "13101988", nil, "is one of the most common passwords"},
		{"in capitals", "PassWord", nil, "is one of the most common passwords"},
		{"in full width", "ｐａｓｓｗｏｒｄ", nil, "is one of the most common passwords"},
		{"a name", "jennifer", nil, "is one of the most common passwords"},
		{"longer than a common one", "password of mine", nil, ""},
		{"the shop's name and a year", "Tienda-2026", nil, "consists of the shop's own words"},
		{"a role of the shop, in full width", "ａｄｍｉｎ@12345", nil, "consists of the shop's own words"},
		{"several of its words", "catalog.Manager!1", nil, "consists of the shop's own words"},
		{"one of its words and another", "tienda de flores", nil, ""},
		{"a word that has one of its words in it", "reorders 1234", nil, ""},
		{"the e-mail", "Ana.Garcia@example.com", []string{"ana.garcia@example.com "}, "is the e-mail"},
		{"its name", "ana.garcia", []string{"ana.garcia@example.com"}, "is the e-mail"},
		{"with more", "ana.garcia@example.com 7", []string{"ana.garcia@example.com"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := CheckPassword(tt.password, tt.emails...)
			if tt.reason == "" {
				require.NoError(t, err)
				return
			}
			require.Equal(t, fault.Unprocessable, fault.KindOf(err))
			require.Equal(t, "/password", fieldOf(t, err))
			require.ErrorContains(t, err, tt.reason)
		})
	}
}

// The list is what the rule says of it.
func TestCommonPasswords(t *testing.T) {
	require.Len(t, common(), 3000)
	for word := range common() {
		require.GreaterOrEqual(t, len([]rune(word)), MinPassword, word)
		require.Equal(t, strings.ToLower(word), word, "is compared in small letters")
		require.Error(t, CheckPassword(word), word)
	}
}

// What the security page says of the shop's words is what is refused.
func TestTheShopsWordsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/security.md")
	require.NoError(t, err)
	text := strings.Join(strings.Fields(string(page)), " ")
	require.True(t, strings.Contains(text, "`"+strings.Join(shopWords, "`, `")+"`"), "the page has another list than shopWords")
	for _, w := range shopWords {
		require.Error(t, CheckPassword(w+"-12345678"), w)
	}
}
