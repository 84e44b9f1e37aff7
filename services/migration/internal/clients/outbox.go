package clients

import (
	"context"
	"net/http"
	"net/url"
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
