// Package clients hands documents to the apps that own them, over the migration's
// sidecar.
package clients

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/sidecar"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/source"
)

// Invoker calls another app.
type Invoker interface {
	Invoke(ctx context.Context, c sidecar.Call) error
}

// Owners implements move.Target.
type Owners struct{ sidecar Invoker }

// NewOwners gives the client of all owners.
func NewOwners(s Invoker) *Owners { return &Owners{sidecar: s} }

type document struct {
	ID       string          `json:"id"`
	Source   origin.Source   `json:"source"`
	Deleted  bool            `json:"deleted,omitempty"`
	Document json.RawMessage `json:"document,omitempty"`
	Part     string          `json:"part,omitempty"` // if it is not the batch's
}

func path(k move.Kind) string { return "/internal/v1/sync/" + k.Kind() }

// Take implements move.Target. One invocation, repeated while the owner is not
// reached: what is sent twice is stored once.
func (o *Owners) Take(ctx context.Context, k move.Kind, docs []move.Sent) ([]move.Answer, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	part := docs[0].Part
	in := struct {
		Part      string     `json:"part"`
		Documents []document `json:"documents"`
	}{part, make([]document, len(docs))}
	for i, d := range docs {
		in.Documents[i] = document{
			ID: d.ID, Source: origin.Source{Key: d.Key, Position: uint64(d.Position)}, Deleted: d.JSON == nil, Document: d.JSON,
		}
		if d.Part != part {
			in.Documents[i].Part = d.Part
		}
	}
	var out struct {
		Results []struct {
			ID      string `json:"id"`
			Outcome string `json:"outcome"`
			Problem *struct {
				Code   string        `json:"code"`
				Detail string        `json:"detail"`
				Fields []fault.Field `json:"fields"`
			} `json:"problem"`
		} `json:"results"`
	}
	err := o.sidecar.Invoke(ctx, sidecar.Call{
		App: k.App(), Method: http.MethodPost, Path: path(k), In: in, Out: &out, Idempotent: true,
	})
	if err != nil {
		return nil, err
	}
	answers := make([]move.Answer, len(out.Results))
	for i, r := range out.Results {
		if i >= len(docs) || r.ID != docs[i].ID {
			return nil, fmt.Errorf("%s answered for other documents than were sent", k.App())
		}
		answers[i] = move.Answer{ID: r.ID, Outcome: r.Outcome}
		if p := r.Problem; p != nil {
			answers[i].Problem = &fault.Error{Kind: fault.Unprocessable, Code: p.Code, Detail: p.Detail, Fields: p.Fields}
		}
	}
	return answers, nil
}

// Read implements move.Target. One invocation.
func (o *Owners) Read(ctx context.Context, k move.Kind, ids []string) ([]move.Sent, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	in := struct {
		IDs []string `json:"ids"`
	}{ids}
	var out struct {
		Documents []document `json:"documents"`
	}
	err := o.sidecar.Invoke(ctx, sidecar.Call{
		App: k.App(), Method: http.MethodPost, Path: path(k) + "/read", In: in, Out: &out, Idempotent: true,
	})
	if err != nil {
		return nil, err
	}
	docs := make([]move.Sent, len(out.Documents))
	for i, d := range out.Documents {
		docs[i] = move.Sent{ID: d.ID, Key: d.Source.Key, Position: source.Position(d.Source.Position), JSON: d.Document}
	}
	return docs, nil
}

// List implements move.Target. One invocation.
func (o *Owners) List(ctx context.Context, k move.Kind, cursor string) (ids []string, next string, err error) {
	var out struct {
		IDs        []string `json:"ids"`
		NextCursor string   `json:"next_cursor"`
	}
	at := path(k)
	if cursor != "" {
		at += "?" + url.Values{"cursor": {cursor}}.Encode()
	}
	err = o.sidecar.Invoke(ctx, sidecar.Call{App: k.App(), Method: http.MethodGet, Path: at, Out: &out})
	return out.IDs, out.NextCursor, err
}
