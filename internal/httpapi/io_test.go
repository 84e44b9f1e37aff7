package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

func TestDecodeLarge(t *testing.T) {
	read := func(text string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Body = newBody([]byte(text))
		return r
	}
	var v struct{ N int }
	require.NoError(t, DecodeLarge(read(`{"N":3}`), &v))
	require.Equal(t, 3, v.N)
	require.NoError(t, Decode(read(`{"N":4}`), &v), "it is a reader as well")
	require.Equal(t, 4, v.N)
	require.NoError(t, DecodeLarge(httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"N":5}`)), &v), "what nobody has read yet")
	require.Equal(t, 5, v.N)
	err := DecodeLarge(read(`{"N":"x"}`), &v)
	require.Equal(t, fault.Invalid, fault.KindOf(err))
	require.ErrorContains(t, err, "fit")
	require.Equal(t, Decode(read(`{"N":"x"}`), &v), err, "it says the same of what does not fit")
}

func TestABodyIsReadToItsLimit(t *testing.T) {
	for _, promised := range []int64{-1, 0, 10, 1 << 40} {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("0123456789"))
		r.ContentLength = promised
		b, err := readBody(r, 10)
		require.NoError(t, err)
		require.Equal(t, "0123456789", string(b))
		r = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("0123456789"))
		r.ContentLength = promised
		_, err = readBody(r, 9)
		require.Equal(t, fault.TooLarge, fault.KindOf(err))
	}
}
