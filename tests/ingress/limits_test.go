package ingress_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// nginx and the gateway refuse differently, and a client can tell: nginx has one limit for
// an address, the gateway says which of its own it was.
func TestLimitsOfNginxAndOfTheGateway(t *testing.T) {
	flood, quiet := from(t, "127.0.0.20"), from(t, "127.0.0.21")
	// 100 a second and 500 at once: of 1,200 as fast as they go nginx lets no more through
	// than those and what it refills meanwhile.
	var mu sync.Mutex
	var refused []answer
	passed := 0
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			for range 40 {
				a, err := flood.try("GET", "/nothing", "")
				if err != nil {
					continue
				}
				mu.Lock()
				if a.status == http.StatusTooManyRequests {
					refused = append(refused, a)
				} else {
					passed++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	t.Logf("%d passed, %d were refused", passed, len(refused))
	require.GreaterOrEqual(t, passed, 500)
	require.NotEmpty(t, refused)
	for _, a := range refused {
		require.Equal(t, "too_many_from_address", a.refused(t, http.StatusTooManyRequests).Code)
		require.Equal(t, "1", a.header.Get("Retry-After"))
		require.Empty(t, a.header.Get("RateLimit"))
		require.Equal(t, "max-age=31536000", a.header.Get("Strict-Transport-Security"))
	}
	require.Equal(t, http.StatusOK, quiet.call(t, "GET", "/v1/categories", "").status, "another address")
}

// The gateway's limits of an address are those of the client's, whatever he writes: ten
// sign-ups, at each of the two gateways until they have told each other.
func TestTheGatewayKnowsTheAddress(t *testing.T) {
	one, other := from(t, "127.0.0.22"), from(t, "127.0.0.23")
	const bad = `{"email":"nobody","password":"x","name":"A"}`
	var last answer
	n := 0
	for n = range 25 {
		// A name of his own for himself each time.
		last = one.call(t, "POST", "/v1/users", bad, "X-Forwarded-For", "203.0.113."+string(rune('0'+n%10)), "X-Real-IP", "203.0.113.9", "Forwarded", "for=203.0.113.8")
		if last.status == http.StatusTooManyRequests {
			break
		}
		last.refused(t, http.StatusBadRequest)
	}
	t.Logf("refused after %d", n)
	require.Equal(t, "too_many_requests", last.refused(t, http.StatusTooManyRequests).Code)
	require.GreaterOrEqual(t, n, 10)
	require.Contains(t, last.header.Get("RateLimit"), `"signup";r=0`)
	require.Regexp(t, `^\d+$`, last.header.Get("Retry-After"))
	other.call(t, "POST", "/v1/users", bad, "X-Forwarded-For", "127.0.0.22").refused(t, http.StatusBadRequest)
}
