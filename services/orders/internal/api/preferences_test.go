package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/contract/contracttest"
)

// A checkout goes by the account's currency, language and default address,
// unless it says itself what it wants.
func TestPreferencesAtCheckout(t *testing.T) {
	tests := []struct {
		name string
		body map[string]any
		city string
	}{
		{"as the account prefers", map[string]any{"payment_method": "invoice"}, "Madrid"},
		{"another address", map[string]any{"payment_method": "invoice", "address": map[string]string{
			"name": "Ana", "line1": "Calle Sierpes 1", "city": "Sevilla", "postal_code": "41004", "country": "ES"}}, "Sevilla"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newShop(t)
			s.put(t, asAna, nil, coffee, 1)
			a := s.Do(t, contracttest.Request{
				Method: "POST", Path: "/v1/orders", As: asAna, Body: tt.body, Header: http.Header{"Idempotency-Key": {"of-preferences"}},
			})
			require.Equal(t, 201, a.Status, "%s", a.Body)
			var o struct {
				Currency, Language, Email string
				Address                   struct{ City string }
			}
			a.JSON(t, &o)
			require.Equal(t, []string{"EUR", "es", anaEmail, tt.city}, []string{o.Currency, o.Language, o.Email, o.Address.City})
			require.Equal(t, 1, s.users.asked)
		})
	}
}
