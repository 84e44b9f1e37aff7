package canned

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestRender(t *testing.T) {
	r := Reply{Language: "en", Texts: map[string]string{
		"en": "{customer_name}: {ticket_number}/{order_number}, {customer_name}", "es": "{customer_name}", "fr": "à {customer_name}",
	}}
	require.NoError(t, r.Check())
	all := map[Place]string{CustomerName: "Ana {order_number}", TicketNumber: "S-1", OrderNumber: "T-1"}
	tests := []struct {
		language string
		values   map[Place]string
		want     string
	}{
		{"en", all, "Ana {order_number}: S-1/T-1, Ana {order_number}"}, // what a customer is called is never filled in itself
		{"es", nil, "cliente"},
		{"fr", nil, "à customer"},
		{"de", nil, "customer: /, customer"},
		{"", all, "Ana {order_number}: S-1/T-1, Ana {order_number}"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, r.Render(tt.language, tt.values), tt.language)
	}
}

func TestCheck(t *testing.T) {
	for text, ok := range map[string]bool{
		"plain": true, "{customer_name}": true, "{": true, "}{": true, "{}": false, "{name}": false, "{ customer_name }": false, "{{customer_name}}": true,
	} {
		err := Reply{Language: "en", Texts: map[string]string{"en": text}}.Check()
		require.Equal(t, ok, err == nil, text)
		if !ok {
			require.ErrorContains(t, err, "[/texts/en:")
		}
	}
	require.Equal(t, fault.Unprocessable, fault.KindOf(Reply{Language: "en", Texts: map[string]string{"es": "x"}}.Check()))
}
