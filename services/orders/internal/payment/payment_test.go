package payment_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/services/orders/internal/payment"
	"tienda/services/orders/internal/payment/paymenttest"
)

const orderID = "0198d2a0-1111-7000-8000-000000000001"

var now = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func approved(amount int64) payment.Outcome {
	return payment.Outcome{Status: payment.Approved, Amount: amount, Currency: "EUR", Reference: "auth-1"}
}

func TestFakePassesTheSuite(t *testing.T) { paymenttest.Suite(t, paymenttest.NewFake()) }

func TestLifeOfAPayment(t *testing.T) {
	p := payment.New(orderID, "tok", now)
	require.Equal(t, "authorising", p.State())
	require.ErrorIs(t, p.Capture(orderID, 1, now), payment.ErrExceeds)
	settle := func(step string, o payment.Outcome) {
		t.Helper()
		changed, err := p.Settle(orderID+"-"+step, o, now)
		require.NoError(t, err)
		require.True(t, changed)
		changed, err = p.Settle(orderID+"-"+step, payment.Outcome{Status: payment.Declined}, now)
		require.NoError(t, err)
		require.False(t, changed, "what is known stays")
	}
	settle("authorise-1", approved(100))
	require.Equal(t, "authorised", p.State())
	require.Empty(t, p.Token, "it is used")
	require.ErrorIs(t, p.Capture(orderID, 101, now), payment.ErrExceeds)
	require.NoError(t, p.Capture(orderID, 100, now))
	require.ErrorIs(t, p.Capture(orderID, 1, now), payment.ErrExceeds, "whatever becomes of the first")
	require.Equal(t, "capturing", p.State())
	require.NoError(t, p.Refund(orderID, 30, now), "what is asked for is done in its order")
	next, ok := p.Next()
	require.True(t, ok)
	require.Equal(t, payment.Capture, next.Step)
	_, err := p.Settle(next.Key, approved(99), now)
	require.ErrorContains(t, err, "we asked for 100")
	settle("capture-1", approved(100))
	require.ErrorIs(t, p.Refund(orderID, 71, now), payment.ErrExceeds)
	settle("refund-1", approved(30))
	require.Equal(t, "refunded", p.State())
	require.Equal(t, int64(70), p.Release(orderID, now))
	require.Zero(t, p.Release(orderID, now))
	settle("refund-2", approved(70))
	_, ok = p.Next()
	require.False(t, ok)
	_, err = p.Settle("nothing", approved(1), now)
	require.ErrorIs(t, err, payment.ErrUnknown)
}

// What is released is voided, whether or not the provider was reached by then.
func TestReleasedBeforeItIsKnown(t *testing.T) {
	p := payment.New(orderID, "tok", now)
	require.Zero(t, p.Release(orderID, now))
	require.Equal(t, "voiding", p.State())
	require.Empty(t, p.Token)
	_, err := p.Settle(orderID+"-authorise-1", payment.Outcome{Status: payment.Missing}, now)
	require.NoError(t, err)
	_, err = p.Settle(orderID+"-void-1", payment.Outcome{Status: payment.Missing}, now)
	require.NoError(t, err)
	_, ok := p.Next()
	require.False(t, ok)
	// It comes after all.
	_, err = p.Settle(orderID+"-authorise-1", approved(100), now)
	require.NoError(t, err)
	p.Release(orderID, now)
	next, ok := p.Next()
	require.True(t, ok)
	require.Equal(t, orderID+"-void-2", next.Key)
}

// Without the money there is nothing to give back.
func TestADeclinedCapture(t *testing.T) {
	p := payment.New(orderID, "tok", now)
	_, err := p.Settle(orderID+"-authorise-1", approved(100), now)
	require.NoError(t, err)
	require.NoError(t, p.Capture(orderID, 100, now))
	require.NoError(t, p.Refund(orderID, 40, now))
	_, err = p.Settle(orderID+"-capture-1", payment.Outcome{Status: payment.Declined, Code: "card_declined"}, now)
	require.NoError(t, err)
	_, ok := p.Next()
	require.False(t, ok, "the refund is dropped")
	require.Zero(t, p.Refunding())
	require.Equal(t, "capture_declined", p.State())
	p.Release(orderID, now)
	require.True(t, p.Voided())
}

// What the provider declines to do for good is an end that can be seen, and nothing
// that is asked for again and again.
func TestADeclinedRelease(t *testing.T) {
	for step, c := range map[payment.Step]struct {
		captured bool
		state    string
	}{payment.Void: {false, "void_declined"}, payment.Refund: {true, "refund_declined"}} {
		p := payment.New(orderID, "tok", now)
		settle := func(key string, o payment.Outcome) {
			_, err := p.Settle(orderID+"-"+key, o, now)
			require.NoError(t, err)
		}
		settle("authorise-1", approved(100))
		if c.captured {
			require.NoError(t, p.Capture(orderID, 100, now))
			settle("capture-1", approved(100))
		}
		p.Release(orderID, now)
		settle(string(step)+"-1", payment.Outcome{Status: payment.Declined, Code: "too_late"})
		require.Zero(t, p.Release(orderID, now))
		_, ok := p.Next()
		require.False(t, ok, "%s is not asked for again", step)
		require.Equal(t, c.state, p.State())
	}
}

func TestDropped(t *testing.T) {
	p := payment.New(orderID, "tok", now)
	p.Drop(now)
	require.Equal(t, "dropped", p.State())
	p.Release(orderID, now)
	_, ok := p.Next()
	require.False(t, ok)
}

func TestCallbacksAreHeardOnce(t *testing.T) {
	p := payment.New(orderID, "tok", now)
	require.True(t, p.Hear("a", now))
	require.False(t, p.Hear("a", now.Add(2*payment.CallbackAge)))
	require.True(t, p.Hear("b", now.Add(time.Hour)))
	require.Len(t, p.Heard, 1, "what is too old to be good again is forgotten")
}

func TestKeys(t *testing.T) {
	require.Equal(t, orderID, payment.OrderOf(payment.New(orderID, "tok", now).Authorisation().Key))
	for _, bad := range []string{"", orderID, orderID + "-", orderID + "_x"} {
		require.Empty(t, payment.OrderOf(bad), bad)
	}
}

func TestSignatures(t *testing.T) {
	secret, body := []byte("secret"), []byte(`{"id":"evt"}`)
	good := payment.Sign(secret, body, now)
	require.NoError(t, payment.Verify(secret, body, good, now.Add(payment.CallbackAge)))
	stamp, mac, _ := strings.Cut(good, ",")
	require.NoError(t, payment.Verify(secret, body, stamp+",v1=00,v0=ff,"+mac, now), "one of several, while the secret changes")
	for what, try := range map[string]func() error{
		"another body":      func() error { return payment.Verify(secret, append(body, ' '), good, now) },
		"another secret":    func() error { return payment.Verify([]byte("other"), body, good, now) },
		"no secret":         func() error { return payment.Verify(nil, body, payment.Sign(nil, body, now), now) },
		"too old":           func() error { return payment.Verify(secret, body, good, now.Add(payment.CallbackAge+time.Second)) },
		"too early":         func() error { return payment.Verify(secret, body, good, now.Add(-payment.CallbackAge-time.Second)) },
		"another time":      func() error { return payment.Verify(secret, body, "t=1,"+mac, now) },
		"no time":           func() error { return payment.Verify(secret, body, mac, now) },
		"no mac":            func() error { return payment.Verify(secret, body, stamp, now) },
		"a mac of no bytes": func() error { return payment.Verify(secret, body, stamp+",v1=", now) },
		"nothing":           func() error { return payment.Verify(secret, body, "", now) },
	} {
		require.ErrorIs(t, try(), payment.ErrSignature, what)
	}
}

// Whatever is asked for and whatever is heard, in whatever order: never is more asked
// for than there is, and never does an end change.
func TestNeverMoreThanThereIs(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	for range 2000 {
		total := 1 + r.Int64N(1000)
		p := payment.New(orderID, "tok", now)
		ended := map[string]payment.Status{}
		for range 40 {
			switch r.IntN(6) {
			case 0:
				_ = p.Capture(orderID, r.Int64N(total+10), now)
			case 1:
				_ = p.Refund(orderID, r.Int64N(total+10), now)
			case 2:
				if r.IntN(8) == 0 {
					p.Release(orderID, now)
				}
			default: // an answer, perhaps of long ago, perhaps once more
				a := p.Attempts[r.IntN(len(p.Attempts))]
				amount := a.Amount
				if a.Step == payment.Authorise {
					amount = total
				}
				out := []payment.Outcome{approved(amount), {Status: payment.Declined}, {Status: payment.Missing}, {Status: payment.Pending}}[r.IntN(4)]
				if out.Status == payment.Missing && a.Step != payment.Authorise && a.Step != payment.Void {
					continue // it is made again instead
				}
				if a.Step == payment.Refund && p.Captured() < p.Refunded()+a.Amount {
					continue // it is made after the capture
				}
				_, err := p.Settle(a.Key, out, now)
				require.NoError(t, err)
			}
			keys := map[string]bool{}
			for _, a := range p.Attempts {
				require.False(t, keys[a.Key], "a key is of one attempt")
				keys[a.Key] = true
				if was, known := ended[a.Key]; known {
					require.Equal(t, was, a.Status, fmt.Sprint(p.Attempts))
				}
				if a.Status == payment.Approved || a.Status == payment.Declined {
					ended[a.Key] = a.Status
				}
			}
			require.LessOrEqual(t, p.Capturing(), p.Authorised())
			require.LessOrEqual(t, p.Captured(), p.Capturing())
			require.LessOrEqual(t, p.Refunding(), p.Capturing())
			require.LessOrEqual(t, p.Refunded(), p.Captured())
		}
	}
}
