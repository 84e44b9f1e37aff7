package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"tienda/internal/sidecar"
	"tienda/services/migration/internal/handover"
)

// Outbox implements handover.Outboxes. One invocation.
func (o *Owners) Outbox(ctx context.Context, app, process string, after int64) (out handover.Outbox, err error) {
	at := "/internal/v1/sync/outbox"
	if process != "" {
		at += "?" + url.Values{"process": {process}, "after": {strconv.FormatInt(after, 10)}}.Encode()
	}
	err = o.sidecar.Invoke(ctx, sidecar.Call{App: app, Method: http.MethodGet, Path: at, Out: &out, Idempotent: true})
	return out, err
}

// maxNews is how many events an app hears at once.
const maxNews = 200

// Hear has the catalog hear events of orders ahead of the broker. One invocation for each 200.
func (o *Owners) Hear(ctx context.Context, news []json.RawMessage) error {
	for some := range slices.Chunk(news, maxNews) {
		in := struct {
			Events []json.RawMessage `json:"events"`
		}{some}
		err := o.sidecar.Invoke(ctx, sidecar.Call{App: "catalog", Method: http.MethodPost, Path: "/internal/v1/sync/news", In: in, Idempotent: true})
		if err != nil {
			return fmt.Errorf("news of orders: %w", err)
		}
	}
	return nil
}
