package password

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

// The vector of the reference implementation's own tests (test.c, version
// 0x13, argon2id, t=2, m=2^16, p=1).
const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"

func TestReferenceVector(t *testing.T) {
	h := New(OWASP)
	ok, err := h.Matches(t.Context(), reference, "password")
	require.NoError(t, err)
	require.True(t, ok, "a hash is checked with its own parameters")
	ok, err = h.Matches(t.Context(), reference, "passwore")
	require.NoError(t, err)
	require.False(t, ok)
}

func TestHashRoundTrip(t *testing.T) {
	h := New(OWASP)
	for _, password := range []string{"correct horse battery", "contraseña segura", strings.Repeat("☃", 128)} {
		hash, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$"), hash)
		again, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		require.NotEqual(t, hash, again, "each hash has a salt of its own")
		ok, err := h.Matches(t.Context(), hash, password)
		require.NoError(t, err)
		require.True(t, ok)
		ok, err = h.Matches(t.Context(), hash, password+" ")
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestSpellingsOfOnePassword(t *testing.T) {
	h := New(Params{MemoryKiB: 64, Passes: 1, Lanes: 1})
	hash, err := h.Hash(t.Context(), "contrase\u00f1a")
	require.NoError(t, err)
	ok, err := h.Matches(t.Context(), hash, "contrasen\u0303a")
	require.NoError(t, err)
	require.True(t, ok)
}

func TestNobodyHasNoPassword(t *testing.T) {
	h := New(OWASP)
	for _, password := range []string{"", "password", h.dummy} {
		ok, err := h.Matches(t.Context(), "", password)
		require.NoError(t, err)
		require.False(t, ok)
	}
}

func TestDamagedHashes(t *testing.T) {
	h := New(OWASP)
	for _, bad := range []string{
		"x", "$argon2i$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		strings.Replace(reference, "v=19", "v=16", 1), strings.Replace(reference, "m=65536", "m=4294967295", 1),
		strings.Replace(reference, "t=2", "t=0", 1), strings.Replace(reference, "p=1", "p=0", 1),
		strings.Replace(reference, "CTFh", "C*Fh", 1), "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$",
	} {
		_, err := h.Matches(t.Context(), bad, "password")
		require.ErrorIs(t, err, errForm, bad)
	}
}

// With every turn taken, a caller that goes away is let go.
func TestWaitingIsBounded(t *testing.T) {
	h := New(OWASP)
	for range cap(h.turn) {
		h.turn <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := h.Hash(ctx, "password")
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, fault.Unavailable, fault.KindOf(err))
	_, err = h.Matches(ctx, reference, "password")
	require.ErrorIs(t, err, context.Canceled)
}
