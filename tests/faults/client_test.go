package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/tests/history"
)

func TestOutcome(t *testing.T) {
	for _, c := range []struct {
		status int
		body   string
		want   history.Outcome
	}{
		{201, `{}`, history.Done},
		{202, `{}`, history.Later},
		{409, `{"code":"checkout_in_progress"}`, history.Later},
		{409, `{"code":"cart_empty_or_taken"}`, history.Refused},
		{422, `{"code":"out_of_stock"}`, history.Refused},
		{429, ``, history.Later},
		{503, `{"code":"orders_unavailable"}`, history.Unknown},
		{504, ``, history.Unknown},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(c.status)
			_, _ = w.Write([]byte(c.body))
		}))
		a := newWeb(s.URL, 1).Send(t.Context(), http.MethodPost, "/", nil)
		require.Equal(t, c.want, a.Outcome(), "%d %s", c.status, c.body)
		s.Close()
		a = newWeb(s.URL, 1).Send(t.Context(), http.MethodPost, "/", nil)
		require.Equal(t, history.Unknown, a.Outcome(), "nobody answers")
	}
}

// Each disturbance of a link reaches the client, and ends.
func TestLinks(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 1000)) }))
	defer s.Close()
	l := newLinks()
	defer l.close()
	addr, err := l.open(linkBuyers, s.URL[len("http://"):])
	require.NoError(t, err)
	get := func() (history.Outcome, time.Duration) {
		began := time.Now()
		return newWeb("http://"+addr, 1).Send(t.Context(), http.MethodGet, "/", nil).Outcome(), time.Since(began)
	}
	for _, kind := range []Kind{CutLink, ResetLink, ShortLink, SlowLink} {
		got, _ := get()
		require.Equal(t, history.Done, got, "before: %s", kind)
		restore, err := l.disturb(Fault{Kind: kind, Target: linkBuyers})
		require.NoError(t, err)
		got, took := get()
		if kind == SlowLink {
			require.Greater(t, took, 90*time.Millisecond)
		} else {
			require.Equal(t, history.Unknown, got, kind)
		}
		require.NoError(t, restore())
		got, _ = get()
		require.Equal(t, history.Done, got, "after: %s", kind)
	}
}
