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
type Owners struct {
	sidecar Invoker
	// All says whether documents of a kind are listed and read that were made at the owner,
	// too; nil: never.
	All func(kind string) bool
	// Adopts says whether a document may take the place of one that was made at the owner;
	// nil: none may.
	Adopts func(kind, key string) bool
}

// NewOwners gives the client of all owners.
func NewOwners(s Invoker) *Owners { return &Owners{sidecar: s} }

func (o *Owners) all(k move.Kind) bool { return o.All != nil && o.All(k.Kind()) }

type document struct {
	ID       string          `json:"id"`
	Source   origin.Source   `json:"source"`
	Deleted  bool            `json:"deleted,omitempty"`
	Adopt    bool            `json:"adopt,omitempty"`
	Document json.RawMessage `json:"document,omitempty"`
	Part     string          `json:"part,omitempty"` // if it is not the batch's
}

func path(k move.Kind) string { return "/internal/v1/sync/" + k.Kind() }

// maxBody is how many bytes the owners take at once, by their contracts.
const maxBody = 8 << 20

// errTooLarge is what an owner would say of a body over maxBody, if it was heard to the end.
var errTooLarge = fault.New(fault.TooLarge, "document_too_large", "The documents have more bytes than their owner takes at once.")

// Take implements move.Target. One invocation, repeated while the owner is not
// reached: what is sent twice is stored once.
func (o *Owners) Take(ctx context.Context, k move.Kind, docs []move.Sent) ([]move.Answer, error) {
	if len(docs) == 0 {
		return nil, nil
	}
	body, err := o.batch(k, docs)
	switch {
	case err != nil:
		return nil, fmt.Errorf("documents of %s: %w", k.Name(), err)
	case len(body) > maxBody:
		return nil, errTooLarge
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
	err = o.sidecar.Invoke(ctx, sidecar.Call{
		App: k.App(), Method: http.MethodPost, Path: path(k), In: body, Out: &out, Idempotent: true,
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

// envelope is about what a batch has beside each document, in bytes.
const envelope = 200

// batch writes the body of a request. The documents go in as they are: encoding/json would
// read each twice.
func (o *Owners) batch(k move.Kind, docs []move.Sent) (json.RawMessage, error) {
	size := envelope
	for _, d := range docs {
		size += len(d.JSON) + envelope
	}
	part := docs[0].Part
	name, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	b := append(append(append(make([]byte, 0, size), `{"part":`...), name...), `,"documents":[`...)
	for i, d := range docs {
		head := document{
			ID: d.ID, Source: origin.Source{Key: d.Key, Position: uint64(d.Position)}, Deleted: d.JSON == nil,
			Adopt: o.Adopts != nil && o.Adopts(k.Kind(), d.Key),
		}
		if d.Part != part {
			head.Part = d.Part
		}
		about, err := json.Marshal(head)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b = append(b, ',')
		}
		if b = append(b, about...); d.JSON != nil {
			b = append(append(append(b[:len(b)-1], `,"document":`...), d.JSON...), '}')
		}
	}
	return append(b, "]}"...), nil
}

// Read implements move.Target. One invocation, and more where the documents are more than
// one answer may have: then as many are asked for as came the last time.
func (o *Owners) Read(ctx context.Context, k move.Kind, ids []string) (docs []move.Sent, err error) {
	for most := len(ids); len(ids) > 0; {
		asked := ids[:min(most, len(ids))]
		some, unread, err := o.read(ctx, k, asked)
		if err != nil {
			return nil, err
		}
		if unread < 0 || unread >= len(asked) {
			return nil, fmt.Errorf("%s has looked at none of %d documents", k.App(), len(asked))
		}
		docs, ids = append(docs, some...), ids[len(asked)-unread:]
		if most = 2 * len(asked); unread > 0 {
			most = len(asked) - unread
		}
	}
	return docs, nil
}

// read is one invocation of Read; unread of the last IDs were not looked at.
func (o *Owners) read(ctx context.Context, k move.Kind, ids []string) (docs []move.Sent, unread int, err error) {
	in := struct {
		IDs []string `json:"ids"`
		All bool     `json:"all,omitempty"`
	}{ids, o.all(k)}
	var out struct {
		Documents []document `json:"documents"`
		Unread    int        `json:"unread"`
	}
	err = o.sidecar.Invoke(ctx, sidecar.Call{
		App: k.App(), Method: http.MethodPost, Path: path(k) + "/read", In: in, Out: &out, Idempotent: true,
	})
	if err != nil {
		return nil, 0, err
	}
	docs = make([]move.Sent, len(out.Documents))
	for i, d := range out.Documents {
		docs[i] = move.Sent{ID: d.ID, Key: d.Source.Key, Position: source.Position(d.Source.Position), JSON: d.Document}
	}
	return docs, out.Unread, nil
}

// List implements move.Target. One invocation.
func (o *Owners) List(ctx context.Context, k move.Kind, cursor string) (ids []string, next string, err error) {
	var out struct {
		IDs        []string `json:"ids"`
		NextCursor string   `json:"next_cursor"`
	}
	at, query := path(k), url.Values{}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	if o.all(k) {
		query.Set("all", "1")
	}
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	err = o.sidecar.Invoke(ctx, sidecar.Call{App: k.App(), Method: http.MethodGet, Path: at, Out: &out})
	return out.IDs, out.NextCursor, err
}
