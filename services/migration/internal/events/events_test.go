package events_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/httpapi"
	"tienda/services/migration/internal/events"
	"tienda/services/migration/internal/reverse"
)

type hearer struct {
	heard []reverse.Change
	err   error
}

func (h *hearer) Hear(_ context.Context, c reverse.Change) error {
	h.heard = append(h.heard, c)
	return h.err
}

func deliver(t *testing.T, h events.Hearer, topic, body string) error {
	t.Helper()
	for _, r := range events.Routes(h) {
		if r.Path == "/changes/"+topic {
			require.Equal(t, httpapi.Own("migration").String(), r.Who.String(), "other callers could have anything written")
			req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, r.Path, strings.NewReader(body))
			return r.Handle(httptest.NewRecorder(), req)
		}
	}
	t.Fatalf("no route for %s", topic)
	return nil
}

func news(app, what, data string) string {
	return fmt.Sprintf(`{"specversion":"1.0","id":"e","source":%q,"type":"tienda.%s.%s","docversion":"7","data":%s}`, app, app, what, data)
}

func TestChangesOfAllTopics(t *testing.T) {
	for _, topic := range []string{"catalog", "users", "orders", "support"} {
		h := &hearer{}
		require.NoError(t, deliver(t, h, topic, news(topic, "document_changed", `{"kind":"k","id":"i","deleted":true}`)))
		require.Equal(t, []reverse.Change{{Kind: "k", ID: "i", Version: 7}}, h.heard)
		require.NoError(t, deliver(t, h, topic, news(topic, "something_else", `{}`)))
		require.NoError(t, deliver(t, h, topic, news("other", "document_changed", `{"kind":"k","id":"i"}`)))
		require.Len(t, h.heard, 1)
		for _, bad := range []string{`{`, news(topic, "document_changed", `{"kind":"k"}`), news(topic, "document_changed", `[]`)} {
			require.Error(t, deliver(t, h, topic, bad))
		}
		h.err = errors.New("away")
		require.ErrorIs(t, deliver(t, h, topic, news(topic, "document_changed", `{"kind":"k","id":"i"}`)), h.err, "it has to come again")
	}
}
