package paymenttest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/services/orders/internal/payment"
)

// Suite holds a provider to what payment.Provider says.
func Suite(t *testing.T, p payment.Provider) {
	key := func(s payment.Step) string { return uuid.NewString() + "-" + string(s) + "-1" }
	held := func(t *testing.T, token string) (string, string) {
		t.Helper()
		k := key(payment.Authorise)
		out, err := p.Authorise(t.Context(), k, 1000, "EUR", token)
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status)
		require.Equal(t, int64(1000), out.Amount)
		require.Equal(t, "EUR", out.Currency)
		require.NotEmpty(t, out.Reference)
		return k, out.Reference
	}
	t.Run("a key is done once", func(t *testing.T) {
		k, of := held(t, "sandbox_approves")
		again, err := p.Authorise(t.Context(), k, 1000, "EUR", "sandbox_approves")
		require.NoError(t, err)
		require.Equal(t, of, again.Reference)
		c := key(payment.Capture)
		for range 2 {
			out, err := p.Capture(t.Context(), c, of, 600, "EUR")
			require.NoError(t, err)
			require.Equal(t, payment.Approved, out.Status)
		}
		out, err := p.Capture(t.Context(), key(payment.Capture), of, 400, "EUR")
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status, "the first was captured once")
	})
	t.Run("a key is for one thing", func(t *testing.T) {
		k, _ := held(t, "sandbox_approves")
		_, err := p.Authorise(t.Context(), k, 999, "EUR", "sandbox_approves")
		require.Error(t, err)
		out, err := p.Lookup(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, int64(1000), out.Amount)
	})
	t.Run("no more than there is", func(t *testing.T) {
		_, of := held(t, "sandbox_approves")
		no := func(out payment.Outcome, err error) {
			t.Helper()
			require.NoError(t, err)
			require.Equal(t, payment.Declined, out.Status)
			require.NotEmpty(t, out.Code)
		}
		no(p.Capture(t.Context(), key(payment.Capture), of, 1001, "EUR"))
		no(p.Refund(t.Context(), key(payment.Refund), of, 1, "EUR"))
		out, err := p.Capture(t.Context(), key(payment.Capture), of, 700, "EUR")
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status)
		no(p.Refund(t.Context(), key(payment.Refund), of, 701, "EUR"))
		no(p.Void(t.Context(), key(payment.Void), of))
		r := key(payment.Refund)
		for range 2 {
			out, err = p.Refund(t.Context(), r, of, 400, "EUR")
			require.NoError(t, err)
			require.Equal(t, payment.Outcome{Status: payment.Approved, Amount: 400, Currency: "EUR", Reference: out.Reference}, out)
		}
		no(p.Refund(t.Context(), key(payment.Refund), of, 301, "EUR"))
		no(p.Capture(t.Context(), key(payment.Capture), "auth-nowhere", 1, "EUR"))
	})
	t.Run("voided", func(t *testing.T) {
		_, of := held(t, "sandbox_approves")
		v := key(payment.Void)
		for range 2 {
			out, err := p.Void(t.Context(), v, of)
			require.NoError(t, err)
			require.Equal(t, payment.Approved, out.Status)
		}
		out, err := p.Capture(t.Context(), key(payment.Capture), of, 1, "EUR")
		require.NoError(t, err)
		require.Equal(t, payment.Declined, out.Status)
	})
	t.Run("declined", func(t *testing.T) {
		k := key(payment.Authorise)
		for range 2 {
			out, err := p.Authorise(t.Context(), k, 1000, "EUR", "sandbox_declines")
			require.NoError(t, err)
			require.Equal(t, payment.Declined, out.Status)
			require.Equal(t, "card_declined", out.Code)
		}
		out, err := p.Lookup(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, payment.Declined, out.Status)
		out, err = p.Authorise(t.Context(), key(payment.Authorise), 1000, "EUR", "nobody_knows_it")
		require.NoError(t, err)
		require.Equal(t, payment.Declined, out.Status)
	})
	t.Run("nothing is known of a key", func(t *testing.T) {
		out, err := p.Lookup(t.Context(), key(payment.Capture))
		require.NoError(t, err)
		require.Equal(t, payment.Missing, out.Status)
	})
	t.Run("a lost answer is looked up", func(t *testing.T) {
		k := key(payment.Authorise)
		_, err := p.Authorise(t.Context(), k, 1000, "EUR", "sandbox_loses")
		require.Error(t, err)
		out, err := p.Lookup(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status)
	})
	t.Run("what failed before can be repeated", func(t *testing.T) {
		k := key(payment.Authorise)
		_, err := p.Authorise(t.Context(), k, 1000, "EUR", "sandbox_fails")
		require.Error(t, err)
		out, err := p.Lookup(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, payment.Missing, out.Status)
		out, err = p.Authorise(t.Context(), k, 1000, "EUR", "sandbox_fails")
		require.NoError(t, err)
		require.Equal(t, payment.Approved, out.Status)
	})
}
