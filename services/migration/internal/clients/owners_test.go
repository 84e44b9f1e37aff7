package clients_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/sidecar"
	"tienda/services/migration/internal/clients"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/move/movetest"
	"tienda/services/migration/internal/reverse"
)

// owner answers every call with the same, and keeps what it was asked.
type owner struct {
	call   sidecar.Call
	in     string
	answer string
}

func (o *owner) Invoke(_ context.Context, c sidecar.Call) error {
	o.call = c
	b, err := json.Marshal(c.In)
	if err != nil {
		return err
	}
	o.in = string(b)
	return json.Unmarshal([]byte(o.answer), c.Out)
}

func TestTake(t *testing.T) {
	o := &owner{answer: `{"results":[{"id":"a","outcome":"stored"},{"id":"b","outcome":"rejected","problem":{"code":"rude","detail":"That is rude.","fields":[{"name":"/text","reason":"is rude"}]}}]}`}
	docs := []move.Sent{{ID: "a", Part: "7", Key: "notes:1", Position: 5, JSON: json.RawMessage(`{"text":"x"}`)}, {ID: "b", Part: "8", Key: "notes:2", Position: 6}}
	answers, err := clients.NewOwners(o).Take(t.Context(), movetest.Notes{}, docs)
	require.NoError(t, err)
	require.Equal(t, []move.Answer{{ID: "a", Outcome: "stored"}, {ID: "b", Outcome: "rejected", Problem: &fault.Error{
		Kind: fault.Unprocessable, Code: "rude", Detail: "That is rude.", Fields: []fault.Field{{Name: "/text", Reason: "is rude"}},
	}}}, answers)
	require.Equal(t, "papers", o.call.App)
	require.Equal(t, "/internal/v1/sync/notes", o.call.Path)
	require.True(t, o.call.Idempotent)
	require.JSONEq(t, `{"part":"7","documents":[{"id":"a","source":{"key":"notes:1","position":5},"document":{"text":"x"}},{"id":"b","source":{"key":"notes:2","position":6},"deleted":true,"part":"8"}]}`, o.in)

	// Answers that are not for what was sent are none.
	o.answer = `{"results":[{"id":"b","outcome":"stored"},{"id":"a","outcome":"stored"}]}`
	_, err = clients.NewOwners(o).Take(t.Context(), movetest.Notes{}, docs)
	require.Error(t, err)
}

// What is more than an owner takes at once is not sent at all: before it was heard to the
// end the connection would break.
func TestTakeTooMuch(t *testing.T) {
	o := &owner{answer: `{"results":[{"id":"a","outcome":"stored"}]}`}
	text := func(size int) []move.Sent {
		return []move.Sent{{ID: "a", Part: "7", Key: "notes:1", JSON: json.RawMessage(`{"text":"` + strings.Repeat("<", size) + `"}`)}}
	}
	_, err := clients.NewOwners(o).Take(t.Context(), movetest.Notes{}, text(7<<20))
	require.NoError(t, err)
	o.call.App = ""
	_, err = clients.NewOwners(o).Take(t.Context(), movetest.Notes{}, text(8<<20))
	require.Equal(t, fault.TooLarge, fault.KindOf(err))
	require.Empty(t, o.call.App)
}

// large answers with so many documents at most.
type large struct {
	most  int
	asked []int
}

func (l *large) Invoke(_ context.Context, c sidecar.Call) error {
	b, err := json.Marshal(c.In)
	if err != nil {
		return err
	}
	var in struct{ IDs []string }
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	l.asked = append(l.asked, len(in.IDs))
	n := min(l.most, len(in.IDs))
	docs := make([]map[string]any, n)
	for i, id := range in.IDs[:n] {
		docs[i] = map[string]any{"id": id, "document": map[string]any{}}
	}
	if b, err = json.Marshal(map[string]any{"documents": docs, "unread": len(in.IDs) - n}); err != nil {
		return err
	}
	return json.Unmarshal(b, c.Out)
}

// What an owner did not look at is asked for again, in pieces of the size that it gave.
func TestReadInPieces(t *testing.T) {
	l, ids := &large{most: 3}, strings.Split("abcdefghij", "")
	docs, err := clients.NewOwners(l).Read(t.Context(), movetest.Notes{}, ids)
	require.NoError(t, err)
	require.Len(t, docs, len(ids))
	for i, d := range docs {
		require.Equal(t, ids[i], d.ID)
	}
	require.Equal(t, []int{10, 3, 4, 1}, l.asked)
	l.most = 0
	_, err = clients.NewOwners(l).Read(t.Context(), movetest.Notes{}, ids)
	require.Error(t, err, "an owner that gives nothing is not asked for ever")
}

func TestReadAndList(t *testing.T) {
	o := &owner{answer: `{"documents":[{"id":"a","source":{"key":"notes:1","position":5},"document":{"text":"x"}}]}`}
	docs, err := clients.NewOwners(o).Read(t.Context(), movetest.Notes{}, []string{"a", "b"})
	require.NoError(t, err)
	require.Equal(t, []move.Sent{{ID: "a", Key: "notes:1", Position: 5, JSON: json.RawMessage(`{"text":"x"}`)}}, docs)
	require.JSONEq(t, `{"ids":["a","b"]}`, o.in)

	o.answer = `{"ids":["a"],"next_cursor":"3"}`
	ids, next, err := clients.NewOwners(o).List(t.Context(), movetest.Notes{}, "2")
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, ids)
	require.Equal(t, "3", next)
	require.Equal(t, "/internal/v1/sync/notes?cursor=2", o.call.Path)
}

// A document that was moved has its source, one that was made in the shop none.
func TestDocument(t *testing.T) {
	o := &owner{answer: `{"documents":[{"id":"a","source":{"key":"orders:1","position":5},"document":{"number":"1"}}]}`}
	held, ok, err := clients.NewOwners(o).Document(t.Context(), "orders", "a")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, reverse.Held{Source: "orders:1", JSON: json.RawMessage(`{"number":"1"}`)}, held)
	require.Equal(t, "orders", o.call.App)
	require.Equal(t, "/internal/v1/sync/orders/read", o.call.Path)
	require.JSONEq(t, `{"ids":["a"],"all":true}`, o.in)
	o.answer = `{"documents":[{"id":"a","document":{"number":"1"}}]}`
	held, ok, err = clients.NewOwners(o).Document(t.Context(), "tickets", "a")
	require.NoError(t, err)
	require.True(t, ok)
	require.Empty(t, held.Source)
	require.Equal(t, "support", o.call.App)
	o.answer = `{"documents":[]}`
	_, ok, err = clients.NewOwners(o).Document(t.Context(), "orders", "a")
	require.NoError(t, err)
	require.False(t, ok)
	o.answer = `{"documents":[{"id":"b","document":{}}]}`
	_, _, err = clients.NewOwners(o).Document(t.Context(), "orders", "a")
	require.Error(t, err, "another document than was asked for")
	_, _, err = clients.NewOwners(o).Document(t.Context(), "letters", "a")
	require.Error(t, err)
}
