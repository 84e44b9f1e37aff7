package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"tienda/internal/origin"
	"tienda/internal/sidecar"
	"tienda/services/migration/internal/mapping"
	"tienda/services/migration/internal/reverse"
)

// Documents implements reverse.Owners: what the owners have, moved in or made there.
type Documents struct{ sidecar Invoker }

// NewDocuments gives the client of all owners.
func NewDocuments(s Invoker) *Documents { return &Documents{sidecar: s} }

// Document implements reverse.Owners. One invocation.
func (d *Documents) Document(ctx context.Context, kind, id string) (h reverse.Held, ok bool, err error) {
	in := struct {
		IDs []string `json:"ids"`
		All bool     `json:"all"`
	}{[]string{id}, true}
	var out struct {
		Documents []struct {
			ID       string          `json:"id"`
			Source   *origin.Source  `json:"source"`
			Document json.RawMessage `json:"document"`
		} `json:"documents"`
	}
	err = d.sidecar.Invoke(ctx, sidecar.Call{
		App: mapping.Owners()[kind], Method: http.MethodPost, Path: "/internal/v1/sync/" + kind + "/read", In: in, Out: &out, Idempotent: true,
	})
	if err != nil || len(out.Documents) == 0 {
		return h, false, err
	}
	one := out.Documents[0]
	if one.ID != id {
		return h, false, fmt.Errorf("the owner of %s answered for another document than was asked for", kind)
	}
	h.JSON = one.Document
	if one.Source != nil {
		h.Source = one.Source.Key
	}
	return h, true, nil
}

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
func (d *Documents) Outbox(ctx context.Context, app, process string, after int64) (out Outbox, err error) {
	at := "/internal/v1/sync/outbox"
	if process != "" {
		at += "?" + url.Values{"process": {process}, "after": {strconv.FormatInt(after, 10)}}.Encode()
	}
	err = d.sidecar.Invoke(ctx, sidecar.Call{App: app, Method: http.MethodGet, Path: at, Out: &out, Idempotent: true})
	return out, err
}
