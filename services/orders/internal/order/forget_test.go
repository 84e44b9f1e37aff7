package order

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var somewhere = Address{Name: "Ana", Line1: "Calle Mayor 1", City: "Madrid", PostalCode: "28013", Country: "ES", Phone: "555"}

// What goes, and when: an order under way keeps what it needs until it is over.
func TestForget(t *testing.T) {
	bare := somewhere
	bare.Phone = ""
	gone := Address{Name: forgotten, Line1: forgotten, City: forgotten, PostalCode: forgotten, Country: "ES"}
	tests := []struct {
		name   string
		status Status
		then   func(*Order) error
		email  string
		want   Address
	}{
		{"delivered", Delivered, nil, "", bare},
		{"cancelled", Cancelled, nil, "", gone},
		{"confirmed", Confirmed, nil, "a@example.com", somewhere},
		{"confirmed, then shipped", Confirmed, func(o *Order) error { return o.Ship("", 0, time.Now()) }, "a@example.com", somewhere},
		{"confirmed, then cancelled", Confirmed, func(o *Order) error { return o.Cancel("", 0, time.Now()) }, "", gone},
		{"shipped, then delivered", Shipped, func(o *Order) error { return o.Deliver(0, time.Now()) }, "", bare},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := &Order{Status: tt.status, Email: "a@example.com", Note: "ring twice", Address: somewhere, Currency: "EUR", Total: 100}
			o.Forget()
			require.True(t, o.Changed())
			if tt.then != nil {
				require.NoError(t, tt.then(o))
			}
			require.Equal(t, tt.email, o.Email)
			require.Equal(t, tt.email == "", o.Note == "")
			require.Equal(t, tt.want, o.Address)
			require.Equal(t, int64(100), o.Total)
		})
	}
	o := &Order{Status: Delivered, Forgotten: true}
	o.Forget()
	require.False(t, o.Changed(), "a repeat changes nothing")
}
