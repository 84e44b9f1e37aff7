package customers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	legacy "tienda/monolith/shop"
)

// shops is a gateway before both shops, which takes orders in the one that is in charge.
type shops struct {
	mu    sync.Mutex
	moved bool
	fails int // answers of a checkout that are lost
	asked []string
	made  map[string]bool // orders of the new shop, by key
}

func (s *shops) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	old := strings.HasPrefix(r.URL.Path, "/legacy/")
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	switch {
	case old && s.moved:
		http.Error(w, `{"code":"moved"}`, http.StatusGone)
	case old:
		_, _ = io.WriteString(w, `{"id":7}`)
	case !s.moved:
		http.Error(w, `{"code":"not_found"}`, http.StatusNotFound)
	case r.URL.Path == "/v1/orders" && r.Method == http.MethodPost:
		key := r.Header.Get("Idempotency-Key")
		s.made[key] = true
		if s.fails > 0 {
			s.fails--
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var in struct{ Note string }
		_ = json.Unmarshal(body, &in)
		w.WriteHeader(http.StatusCreated)
		_, _ = fmt.Fprintf(w, `{"id":"1","number":"T-1","note":%q,"totals":{"total":{"amount":500}}}`, in.Note)
	case r.URL.Path == "/v1/auth/token":
		_, _ = io.WriteString(w, `{"access_token":"staff"}`)
	default:
		w.Header().Set("Cart-Token", "cart")
		_, _ = io.WriteString(w, `{"items":[]}`)
	}
}

func (s *shops) set(moved bool, fails int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved, s.fails, s.asked = moved, fails, nil
}

// Who is told that orders have moved goes on at the new route, at once and from then on; who
// does not find that any more goes back.
func TestTheDoor(t *testing.T) {
	s := &shops{made: map[string]bool{}}
	server := httptest.NewServer(s)
	defer server.Close()
	d := NewDoor(Options{URL: server.URL, Seed: 3})
	order := func(note string) int {
		t.Helper()
		b, err := json.Marshal(legacy.NewOrder{Email: "ana@example.com", Method: "TRANSFER", Note: note, Lines: []legacy.Line{{SKU: "A-1", Quantity: 2}}})
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/legacy/orders", bytes.NewReader(b))
		require.NoError(t, err)
		res, err := (&http.Client{Transport: d}).Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	last := func() Order {
		t.Helper()
		e, err := d.Ledger.Entries()
		require.NoError(t, err)
		require.NotEmpty(t, e.Orders)
		return *e.Orders[len(e.Orders)-1]
	}
	require.Equal(t, http.StatusOK, order("1"))
	require.Equal(t, 1, d.Old.Counts().Acknowledged)

	s.set(true, 0)
	require.Equal(t, http.StatusGone, order("2"), "its own ledger takes that for a refusal")
	require.Equal(t, []string{"POST /legacy/orders", "PUT /v1/cart/items/A-1", "POST /v1/orders"}, s.asked[:3])
	require.Equal(t, "nueva-2", last().Note)
	require.Equal(t, Acknowledged, last().Outcome)
	require.Equal(t, []string{"A-1 2"}, last().Lines)
	require.EqualValues(t, 500, last().Total)
	s.set(true, 0)
	order("3")
	require.NotContains(t, s.asked, "POST /legacy/orders", "it is remembered")

	s.set(true, 2)
	order("4")
	require.Equal(t, Acknowledged, last().Outcome, "it was repeated with its key")
	s.set(true, tries)
	order("5")
	require.Equal(t, Unknown, last().Outcome)
	require.Len(t, s.made, 4)
	counts := d.New.Counts()
	require.Equal(t, 1, counts.Unknown)
	require.Equal(t, 2+tries, counts.Failed)

	s.set(false, 0)
	require.Equal(t, http.StatusOK, order("6"), "it has gone back")
	require.Contains(t, s.asked, "POST /legacy/orders")
	require.Equal(t, 2, d.Old.Counts().Acknowledged)
	s.set(false, 0)
	order("7")
	require.Equal(t, []string{"POST /legacy/orders"}, s.asked)
}
