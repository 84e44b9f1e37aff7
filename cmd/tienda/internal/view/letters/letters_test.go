package letters_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/cmd/tienda/internal/view/letters"
)

const parent = "00-0000000000000000000000000000beef-00000000000000ab-00"

// shop is a gateway that has tokens end.
type shop struct {
	signIns int
	token   string
	lists   int
	refuse  bool
	parents []string
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.parents = append(s.parents, r.Method+" "+r.Header.Get("Traceparent"))
	switch {
	case r.URL.Path == "/v1/auth/token":
		s.signIns++
		if s.refuse {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"code":"wrong_password"}`))
			return
		}
		s.token = strings.Repeat("t", s.signIns)
		_, _ = w.Write([]byte(`{"access_token":"` + s.token + `"}`))
	case r.Header.Get("Authorization") != "Bearer "+s.token:
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{}`))
	default:
		s.lists++
		_, _ = w.Write([]byte(`{"path":"` + r.URL.Path + `"}`))
	}
}

func TestSignsInOnceAndAgainWhenTheTokenHasEnded(t *testing.T) {
	s := &shop{}
	server := httptest.NewServer(s)
	defer server.Close()
	d := letters.New(server.URL, letters.Account{Email: "alba@example.com", Password: "pw"}, parent)
	require.Zero(t, s.signIns, "nobody has looked")
	for range 3 {
		a, err := d.List(t.Context())
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, a.Status)
	}
	require.Equal(t, 1, s.signIns)
	s.token = "another"
	a, err := d.Settle(t.Context(), "catalog", "7", "replay")
	require.NoError(t, err)
	require.JSONEq(t, `{"path":"/v1/ops/dead-letters/catalog/7/replay"}`, string(a.Body))
	require.Equal(t, 2, s.signIns)
	require.Contains(t, s.parents, "GET "+parent)
	require.Contains(t, s.parents, "POST ", "a replay has a trace that is shown")
}

func TestARefusedSignInIsNotTriedAgainAtOnce(t *testing.T) {
	s := &shop{refuse: true}
	server := httptest.NewServer(s)
	defer server.Close()
	d := letters.New(server.URL, letters.Account{Email: "alba@example.com", Password: "old"}, parent)
	for range 5 {
		_, err := d.List(t.Context())
		require.EqualError(t, err, "alba@example.com cannot sign in: the gateway answers with 401")
	}
	require.Equal(t, 1, s.signIns)
	_, err := letters.New(server.URL, letters.Account{}, parent).List(t.Context())
	require.ErrorIs(t, err, letters.ErrNobody)
	server.Close()
	_, err = letters.New(server.URL, letters.Account{Email: "a"}, parent).List(t.Context())
	require.EqualError(t, err, "the gateway does not answer")
}
