// Package intaketest follows an owner's changes in tests as the one does who is told of them.
package intaketest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/contract/contracttest"
	"tienda/internal/event"
	"tienda/internal/event/eventtest"
)

// mover is the one app that may follow.
var mover = caller.Caller{App: "migration"}

// change is the data of an event.
type change struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Deleted bool   `json:"deleted"`
}

// Copy is what somebody has of an owner's documents who hears of changes and then reads.
type Copy struct {
	server *contracttest.Server
	kinds  []string
	docs   map[string]string // JSON by kind and ID
	heard  int
}

// New gives a copy of the documents of kinds, as they are now.
func New(t testing.TB, server *contracttest.Server, kinds ...string) *Copy {
	t.Helper()
	c := &Copy{server: server, kinds: kinds}
	c.docs = c.all(t)
	return c
}

// Hear follows those of the events that tell of changes, beginning behind the last one that
// was heard, and gives them in order: "products", or "-products" for one that is gone. An
// event that says otherwise than what can be read fails the test.
func (c *Copy) Hear(t testing.TB, events []event.Event) (told []string) {
	t.Helper()
	for _, e := range events[c.heard:] {
		if !strings.HasSuffix(e.Type, ".document_changed") {
			continue
		}
		eventtest.RequireSchema(t, e)
		var d change
		raw, err := json.Marshal(e.Data)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(raw, &d))
		require.Equal(t, d.ID, e.Subject)
		require.Positive(t, e.Version)
		delete(c.docs, d.Kind+" "+d.ID)
		for id, doc := range c.read(t, d.Kind, d.ID) {
			c.docs[d.Kind+" "+id] = doc
		}
		name := d.Kind
		if d.Deleted {
			name = "-" + name
		}
		told = append(told, name)
	}
	c.heard = len(events)
	slices.Sort(told)
	return told
}

// Forget leaves out what was heard so far, as one does who has just begun.
func (c *Copy) Forget(t testing.TB, events []event.Event) {
	t.Helper()
	c.heard, c.docs = len(events), c.all(t)
}

// RequireEqual fails unless the copy is what the owner has.
func (c *Copy) RequireEqual(t testing.TB) {
	t.Helper()
	require.Equal(t, c.all(t), c.docs)
}

// IDs gives the IDs of the documents of a kind, in order.
func (c *Copy) IDs(kind string) (ids []string) {
	for key := range c.docs {
		if id, mine := strings.CutPrefix(key, kind+" "); mine {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// Any gives the ID of the document of a kind that pick chooses of n; none where there is none.
func (c *Copy) Any(pick func(n int) int, kind, none string) string {
	ids := c.IDs(kind)
	if len(ids) == 0 {
		return none
	}
	return ids[pick(len(ids))]
}

// Document gives a document.
func (c *Copy) Document(t testing.TB, kind, id string) (doc map[string]any) {
	t.Helper()
	require.Contains(t, c.docs, kind+" "+id)
	require.NoError(t, json.Unmarshal([]byte(c.docs[kind+" "+id]), &doc))
	return doc
}

// all gives every document of the kinds.
func (c *Copy) all(t testing.TB) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, kind := range c.kinds {
		for some := range slices.Chunk(c.list(t, kind), 200) {
			found := c.read(t, kind, some...)
			for _, id := range some {
				require.Contains(t, found, id, "%s: what is listed can be read", kind)
				out[kind+" "+id] = found[id]
			}
		}
	}
	return out
}

func (c *Copy) list(t testing.TB, kind string) (ids []string) {
	t.Helper()
	for cursor := ""; ; {
		path := "/internal/v1/sync/" + kind + "?all=1"
		if cursor != "" {
			path += "&cursor=" + url.QueryEscape(cursor)
		}
		var page struct {
			IDs        []string `json:"ids"`
			NextCursor string   `json:"next_cursor"`
		}
		a := c.server.Do(t, contracttest.Request{Method: http.MethodGet, Path: path, As: mover})
		require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
		a.JSON(t, &page)
		ids = append(ids, page.IDs...)
		if cursor = page.NextCursor; cursor == "" {
			slices.Sort(ids)
			return slices.Compact(ids)
		}
	}
}

func (c *Copy) read(t testing.TB, kind string, ids ...string) map[string]string {
	t.Helper()
	var in struct {
		Documents []struct {
			ID       string
			Version  int64
			Document json.RawMessage
		}
	}
	a := c.server.Do(t, contracttest.Request{
		Method: http.MethodPost, Path: "/internal/v1/sync/" + kind + "/read", As: mover, Body: map[string]any{"ids": ids, "all": true},
	})
	require.Equal(t, http.StatusOK, a.Status, "%s", a.Body)
	a.JSON(t, &in)
	out := map[string]string{}
	for _, d := range in.Documents {
		require.Positive(t, d.Version)
		out[d.ID] = string(d.Document)
	}
	return out
}
