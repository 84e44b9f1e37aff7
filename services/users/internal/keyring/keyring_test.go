package keyring

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

func TestSealAndOpen(t *testing.T) {
	r := New("k")
	_, err := r.Seal([]byte("x"), "ana")
	require.ErrorIs(t, err, ErrNoKeys)
	_, err = r.Open(nil, "ana")
	require.ErrorIs(t, err, ErrNoKeys)
	require.ErrorIs(t, r.Ready(t.Context()), ErrNoKeys)
	first := Random()
	require.NoError(t, r.Use(first))
	require.NoError(t, r.Ready(t.Context()))

	sealed, err := r.Seal([]byte("a secret"), "ana")
	require.NoError(t, err)
	require.NotContains(t, string(sealed), "secret")
	again, err := r.Seal([]byte("a secret"), "ana")
	require.NoError(t, err)
	require.NotEqual(t, sealed, again)
	plain, err := r.Open(sealed, "ana")
	require.NoError(t, err)
	require.Equal(t, "a secret", string(plain))

	_, err = r.Open(sealed, "bob")
	require.ErrorIs(t, err, ErrSealed, "it is Ana's")
	for i := range sealed {
		sealed[i] ^= 1
		_, err := r.Open(sealed, "ana")
		require.ErrorIs(t, err, ErrSealed, "byte %d", i)
		sealed[i] ^= 1
	}
	for _, short := range [][]byte{nil, sealed[:5], sealed[:len(sealed)-1]} {
		_, err := r.Open(short, "ana")
		require.ErrorIs(t, err, ErrSealed)
	}

	require.NoError(t, r.Use(Random()+"\n"+first))
	plain, err = r.Open(sealed, "ana")
	require.NoError(t, err, "the old key still opens")
	require.Equal(t, "a secret", string(plain))
	fresh, err := r.Seal(plain, "ana")
	require.NoError(t, err)
	require.NoError(t, r.Use(first))
	_, err = r.Open(fresh, "ana")
	require.ErrorIs(t, err, ErrSealed, "the new key has sealed it")
}

func TestSignAndVerify(t *testing.T) {
	r := New("k")
	_, err := r.Sign([]byte("text"))
	require.ErrorIs(t, err, ErrNoKeys)
	require.False(t, r.Verify([]byte("text"), nil))
	first := Random()
	require.NoError(t, r.Use(first))
	sum, err := r.Sign([]byte("text"))
	require.NoError(t, err)
	require.True(t, r.Verify([]byte("text"), sum))
	require.False(t, r.Verify([]byte("texts"), sum))
	require.False(t, r.Verify([]byte("text"), sum[:31]))
	require.False(t, r.Verify([]byte("text"), nil))
	require.NoError(t, r.Use(Random()+" "+first))
	require.True(t, r.Verify([]byte("text"), sum))
	require.NoError(t, r.Use(Random()))
	require.False(t, r.Verify([]byte("text"), sum))
}

func TestBadKeys(t *testing.T) {
	r := New("k")
	good := Random()
	for _, bad := range []string{"", " ", "x", good[:20], good + " x", strings.Repeat("A", 64)} {
		err := r.Use(bad)
		require.ErrorContains(t, err, "secret k")
		require.True(t, bad == "" || bad == " " || !strings.Contains(err.Error(), bad), "no key in an error")
		require.ErrorIs(t, r.Ready(t.Context()), ErrNoKeys)
	}
}

func TestLoaderTriesUntilItHasTheKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, tries := New("k"), 0
		read := func(_ context.Context, name string) (string, error) {
			require.Equal(t, "k", name)
			switch tries++; tries {
			case 1:
				return "", errors.New("away")
			case 2:
				return "nonsense", nil
			}
			return Random(), nil
		}
		require.NoError(t, Loader(r, read, slog.New(slog.DiscardHandler))(t.Context()))
		require.Equal(t, 3, tries)
		require.NoError(t, r.Ready(t.Context()))

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		away := func(context.Context, string) (string, error) { return "", errors.New("away") }
		require.NoError(t, Loader(New("k"), away, slog.New(slog.DiscardHandler))(ctx))
	})
}
