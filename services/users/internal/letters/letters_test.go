package letters

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
)

func TestEveryLetterIsThereInEveryLanguage(t *testing.T) {
	d := Data{Link: "https://shop.example/verify-email#token=abc", Shop: "https://shop.example"}
	seen := map[string]bool{}
	for _, k := range Kinds {
		for _, l := range mail.Languages {
			m, err := Write(k, "ana@example.com", l, d)
			require.NoError(t, err)
			require.Equal(t, l, m.Language)
			require.Equal(t, "ana@example.com", m.To)
			require.False(t, seen[m.Subject], "%s %s", k, l)
			seen[m.Subject] = true
			require.True(t, strings.Contains(m.Text, "\n\n"+d.Link+"\n\n") || strings.HasSuffix(m.Text, "\n\n"+d.Shop), m.Text)
		}
	}
	require.Len(t, templates.Names(), len(Kinds)*len(mail.Languages))
}

func TestTheNearestLanguage(t *testing.T) {
	for preferred, want := range map[string]string{"es": "es", "es-MX": "es", "en": "en", "en-GB": "en", "fr": "en", "": "en", "??": "en"} {
		m, err := Write(PasswordChanged, "ana@example.com", preferred, Data{})
		require.NoError(t, err)
		require.Equal(t, want, m.Language, preferred)
	}
}
