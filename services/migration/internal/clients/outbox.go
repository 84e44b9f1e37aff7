package clients

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"tienda/internal/sidecar"
)

// Outbox is what a replica of an owner has to announce, and has announced.
type Outbox struct {
	Replica  string   `json:"replica"`  // its journal; "": none yet
	Commits  int      `json:"commits"`  // not announced yet
	Journals []string `json:"journals"` // of all replicas
	Process  string   `json:"process"`
	Last     int64    `json:"last"`  // number of its last announcement
	After    int64    `json:"after"` // number of the last of Changes
	Lost     bool     `json:"lost"`  // it does not remember all after the number that was asked for
	// Announces says whether the app announces changes of documents at all.
	Announces bool `json:"announces"`
	Changes   []struct {
		Kind    string `json:"kind"`
		ID      string `json:"id"`
		Version int64  `json:"version"`
	} `json:"changes"`
}

// Outbox asks one replica of an app, whichever answers. Changes are those after a number
// of a process, if it is the one that answers.
func (o *Owners) Outbox(ctx context.Context, app, process string, after int64) (out Outbox, err error) {
	at := "/internal/v1/sync/outbox"
	if process != "" {
		at += "?" + url.Values{"process": {process}, "after": {strconv.FormatInt(after, 10)}}.Encode()
	}
	err = o.sidecar.Invoke(ctx, sidecar.Call{App: app, Method: http.MethodGet, Path: at, Out: &out, Idempotent: true})
	return out, err
}
