package throttle

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestDelaysGrow(t *testing.T) {
	p := Policy{Free: 3, First: time.Second, Longest: 10 * time.Second, Forget: time.Hour, Most: 6}
	var g Guard
	require.Zero(t, g.Wait(noon))
	require.Zero(t, g.Failures(p, noon))
	for i, want := range []time.Duration{0, 0, 1, 2, 4, 8, 8, 8} { // six are remembered
		g.Fail(p, noon)
		require.Equal(t, want*time.Second, g.Wait(noon), "failure %d", i+1)
		require.Equal(t, min(i+1, 6), g.Failures(p, noon))
	}
	p.Longest = 5 * time.Second
	g.Fail(p, noon)
	require.Equal(t, p.Longest, g.Wait(noon))
	require.Equal(t, 2*time.Second, g.Wait(noon.Add(3*time.Second)))
	require.Zero(t, g.Wait(noon.Add(5*time.Second)))

	later := noon.Add(3 * time.Hour)
	require.Equal(t, 3, g.Failures(p, later), "one is forgotten each hour")
	require.Zero(t, g.Failures(p, noon.Add(6*time.Hour)))
	g.Fail(p, noon.Add(7*time.Hour))
	require.Zero(t, g.Wait(noon.Add(7*time.Hour)), "after a rest failures are free again")
}

// What somebody reaches who tries whenever it is allowed.
func TestGuessesOfAnAttacker(t *testing.T) {
	tests := []struct {
		name     string
		policy   Policy
		in       time.Duration
		min, max int
	}{
		{"an account, the first hour", Account, time.Hour, 10, 17},
		{"an account, the second day", Account, 48 * time.Hour, 40, 66},
		{"an account, a year", Account, 365 * 24 * time.Hour, 365 * 20, 365*24 + 20},
		{"a device, a day", Device, 24 * time.Hour, 100, 170},
		{"an address, the first hour", Address, time.Hour, 60, 100},
		{"an address, a day", Address, 24 * time.Hour, 1000, 24*60 + 40},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var g Guard
			n := 0
			for now := noon; now.Before(noon.Add(tt.in)); now = now.Add(max(g.Wait(now), time.Millisecond)) {
				require.Zero(t, g.Wait(now))
				g.Fail(tt.policy, now)
				n++
			}
			t.Log(n, "guesses")
			require.GreaterOrEqual(t, n, tt.min)
			require.LessOrEqual(t, n, tt.max)
		})
	}
}

func TestGuardsAreStored(t *testing.T) {
	var g, back Guard
	g.Fail(Account, noon.In(time.FixedZone("", 3600)))
	raw, err := json.Marshal(g)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, g, back)
}

func TestKeys(t *testing.T) {
	same := [][2]string{
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff::9"}, {"192.0.2.1", "::ffff:192.0.2.1"}, {"fe80::1%eth0", "fe80::1"},
	}
	for _, s := range same {
		require.Equal(t, ByAddress(s[0]), ByAddress(s[1]), s)
		require.Len(t, ByAddress(s[0]), 1)
	}
	for _, d := range [][2]string{{"2001:db8:1:2::1", "2001:db8:1:3::1"}, {"192.0.2.1", "192.0.2.2"}} {
		require.NotEqual(t, ByAddress(d[0]), ByAddress(d[1]), d)
	}
	for _, none := range []string{"", "x", "127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "192.0.2.1:80"} {
		require.Empty(t, ByAddress(none), none)
		require.Empty(t, ByRequest("x", none), none)
	}
	seen := map[string]bool{}
	for _, k := range []Key{
		ByEmail("a"), ByCode("a"), ByDevice("a"), ByOwner("a"), ByAddress("192.0.2.1")[0],
		ByRequest("register", "192.0.2.1")[0], ByRequest("reset", "192.0.2.1")[0],
	} {
		require.False(t, seen[k.ID])
		seen[k.ID] = true
		require.NotContains(t, k.ID, "192.0.2")
	}
}

func TestWait(t *testing.T) {
	var err error = &Wait{For: 1500 * time.Millisecond}
	require.Equal(t, fault.TooMany, fault.KindOf(err))
	require.Equal(t, "too_many_attempts", fault.CodeOf(err))
	var w *Wait
	require.ErrorAs(t, err, &w)
	require.Equal(t, 2, w.Seconds())
}
