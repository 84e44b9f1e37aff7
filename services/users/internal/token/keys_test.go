package token

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func rules() Config {
	return Config{Issuer: "https://shop.example", Lifetime: 10 * time.Minute, Rotation: 30 * day, Overlap: 10 * time.Minute}
}

const day = 24 * time.Hour

// states lists what each key is for, oldest first: "0 retiring, 1 active".
func states(k Keys, now time.Time) (out []string) {
	for _, key := range k.Keys {
		if s := key.State(now); s != Gone {
			out = append(out, key.ID+" "+string(s))
		}
	}
	return out
}

func TestTheLifeOfAKey(t *testing.T) {
	c := rules()
	var k Keys
	require.True(t, k.due(c, noon))
	require.NoError(t, k.add(c, SigningKey{ID: "0"}, noon))
	require.False(t, k.due(c, noon.Add(c.Rotation-c.Overlap-1)))
	early := noon.Add(c.Rotation - c.Overlap)
	require.True(t, k.due(c, early))
	require.NoError(t, k.add(c, SigningKey{ID: "1"}, early))
	require.False(t, k.due(c, early), "the next one waits")
	require.ErrorIs(t, k.add(c, SigningKey{ID: "2"}, early.Add(c.Overlap-1)), ErrRotating)
	turn := early.Add(c.Overlap)
	for _, tt := range []struct {
		at   time.Time
		want []string
	}{
		{noon, []string{"0 active", "1 next"}},
		{early, []string{"0 active", "1 next"}},
		{turn.Add(-1), []string{"0 active", "1 next"}},
		{turn, []string{"0 retiring", "1 active"}},
		{turn.Add(c.Lifetime), []string{"0 retiring", "1 active"}}, // its last token expires now
		{turn.Add(c.Lifetime + afterLife - 1), []string{"0 retiring", "1 active"}},
		{turn.Add(c.Lifetime + afterLife), []string{"1 active"}},
		{turn.Add(c.Rotation), []string{"1 active"}}, // for ever, if nobody makes another
	} {
		require.Equal(t, tt.want, states(k, tt.at), tt.at)
	}
	require.Equal(t, c.Rotation, k.Keys[1].SignsFrom.Sub(k.Keys[0].SignsFrom), "a key signs for the time of a rotation")
	require.NoError(t, k.add(c, SigningKey{ID: "2"}, turn.Add(c.Rotation)))
	require.Len(t, k.Keys, 2, "what is gone is dropped")
}

// At every moment exactly one key signs, and every token that is good was signed
// by a key that is published, and was published for the overlap before.
func TestNoGapAndNoStranger(t *testing.T) {
	c := rules()
	c.Rotation, c.Overlap, c.Lifetime = 40*time.Minute, 10*time.Minute, 10*time.Minute
	var k Keys
	type signed struct {
		kid string
		exp time.Time
	}
	var tokens []signed
	published := map[string]time.Time{}
	for now := noon; now.Before(noon.Add(5 * time.Hour)); now = now.Add(30 * time.Second) {
		if k.due(c, now) {
			require.NoError(t, k.add(c, SigningKey{ID: fmt.Sprint(now.Sub(noon))}, now))
		}
		var active []string
		good := map[string]bool{}
		for _, key := range k.published(now) {
			good[key.ID] = true
			if _, ok := published[key.ID]; !ok {
				published[key.ID] = now
			}
			if key.State(now) == Active {
				active = append(active, key.ID)
			}
		}
		require.Len(t, active, 1, "%s", now)
		if active[0] != "0s" {
			require.GreaterOrEqual(t, now.Sub(published[active[0]]), c.Overlap)
		}
		tokens = append(tokens, signed{active[0], now.Add(c.Lifetime)})
		for _, tok := range tokens {
			if now.Before(tok.exp.Add(30 * time.Second)) { // the leeway of who checks
				require.True(t, good[tok.kid], "a token of %s is good and its key is gone", tok.kid)
			}
		}
	}
	require.Len(t, published, 8)
}

func TestACompromisedKeyGoesAtOnce(t *testing.T) {
	c := rules()
	var k Keys
	require.NoError(t, k.add(c, SigningKey{ID: "0"}, noon))
	require.NoError(t, k.add(c, SigningKey{ID: "1"}, noon))
	k.replace(SigningKey{ID: "2"}, noon.Add(time.Minute))
	require.Equal(t, []string{"2 active"}, states(k, noon.Add(time.Minute)))
}

func TestTheSetIsBounded(t *testing.T) {
	c := rules()
	c.Overlap = time.Second
	var k Keys
	var err error
	now := noon
	for range maxKeys + 1 {
		err = k.add(c, SigningKey{ID: now.String()}, now)
		now = now.Add(c.Overlap)
	}
	require.ErrorIs(t, err, ErrRotating)
	require.Len(t, k.published(now), maxKeys)
}

func TestLoadConfig(t *testing.T) {
	c, err := LoadConfig(func(string) string { return "" })
	require.NoError(t, err)
	require.Equal(t, Defaults(), c)
	require.Equal(t, 5*time.Minute, c.Kept(), "half of the overlap")
	env := map[string]string{"TIENDA_ISSUER": "https://shop.example", "USERS_TOKEN_LIFETIME": "5m", "USERS_KEY_ROTATION": "24h", "USERS_KEY_OVERLAP": "2s"}
	c, err = LoadConfig(func(name string) string { return env[name] })
	require.NoError(t, err)
	require.Equal(t, Config{"https://shop.example", 5 * time.Minute, day, 2 * time.Second}, c)
	require.Equal(t, time.Second, c.Kept())
	require.Less(t, 2*c.readEvery(), c.Overlap)
	for _, bad := range []struct{ name, value, want string }{
		{"TIENDA_ISSUER", "shop.example", "TIENDA_ISSUER"}, {"TIENDA_ISSUER", "https://shop.example/", "TIENDA_ISSUER"},
		{"TIENDA_ISSUER", "https://shop.example?x", "TIENDA_ISSUER"}, {"TIENDA_ISSUER", "ftp://shop.example", "TIENDA_ISSUER"},
		{"TIENDA_ISSUER", "https://Shop.example", "TIENDA_ISSUER"}, {"TIENDA_ISSUER", "https://u@shop.example", "TIENDA_ISSUER"},
		{"USERS_TOKEN_LIFETIME", "11m", "USERS_TOKEN_LIFETIME"}, {"USERS_TOKEN_LIFETIME", "0s", "USERS_TOKEN_LIFETIME"},
		{"USERS_KEY_ROTATION", "never", "USERS_KEY_ROTATION"}, {"USERS_KEY_OVERLAP", "0", "USERS_KEY_OVERLAP"},
		{"USERS_KEY_ROTATION", "15m", "less than twice"},
	} {
		_, err := LoadConfig(func(name string) string { return map[string]string{bad.name: bad.value}[name] })
		require.ErrorContains(t, err, bad.want, bad.value)
	}
}
