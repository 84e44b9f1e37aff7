package intake_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

type note struct {
	Text string `json:"text"`
}

type kept struct {
	note
	Origin *origin.Source `json:"origin"`
}

var notes = state.Collection[kept]{Prefix: "note:"}

var errRude = fault.New(fault.Unprocessable, "rude", "That is rude.").At("/text", "is rude")

func kind(store state.Store) intake.Kind[note] {
	keys := func(id string) []string { return notes.Keys(id) }
	return intake.Kind[note]{
		Name: "notes", DB: state.Open(store, nil, slog.New(slog.DiscardHandler)),
		Check: func(doc []byte) []fault.Field {
			var n note
			if json.Unmarshal(doc, &n) != nil || n.Text == "" {
				return []fault.Field{{Name: "/text", Reason: "is required"}}
			}
			return nil
		},
		Keys: func(id string, _ *note) []string { return keys(id) }, GetKeys: keys,
		Held: func(tx *state.Tx, id string) (*origin.Source, error) {
			n, _, err := notes.Get(tx, id)
			return n.Origin, err
		},
		Put: func(tx *state.Tx, d intake.Document[note]) error {
			if d.Value.Text == "rude" {
				return errRude
			}
			return notes.Put(tx, d.ID, kept{d.Value, &d.Source})
		},
		Remove: notes.Delete,
		Get: func(tx *state.Tx, id string) (intake.Document[note], bool, error) {
			n, ok, err := notes.Get(tx, id)
			if err != nil || !ok || n.Origin == nil {
				return intake.Document[note]{}, false, err
			}
			return intake.Document[note]{ID: id, Source: *n.Origin, Value: n.note}, true, nil
		},
	}
}

func in(id string, position uint64, text string) intake.Incoming {
	d := intake.Incoming{ID: id, Source: origin.Source{Key: "notes:" + id, Position: position}, Deleted: text == ""}
	if text != "" {
		d.Document, _ = json.Marshal(note{text})
	}
	return d
}

func outcomes(results []intake.Result) (out []intake.Outcome) {
	for _, r := range results {
		out = append(out, r.Outcome)
	}
	return out
}

func TestTheNewerWins(t *testing.T) {
	k := kind(statetest.NewMemory())
	take := func(docs ...intake.Incoming) []intake.Outcome {
		results, err := k.Take(t.Context(), "0", docs)
		require.NoError(t, err)
		return outcomes(results)
	}
	text := func(id string) string {
		docs, err := k.Read(t.Context(), []string{id})
		require.NoError(t, err)
		if len(docs) == 0 {
			return ""
		}
		var n note
		require.NoError(t, json.Unmarshal(docs[0].Document, &n))
		return n.Text
	}
	require.Equal(t, []intake.Outcome{intake.Stored, intake.Stored}, take(in("a", 5, "five"), in("b", 5, "b")))
	require.Equal(t, []intake.Outcome{intake.Stale, intake.Stored}, take(in("a", 4, "four"), in("a", 5, "five again")))
	require.Equal(t, "five again", text("a"))
	require.Equal(t, []intake.Outcome{intake.Stored}, take(in("a", 7, "")))
	require.Empty(t, text("a"))
	require.Equal(t, []intake.Outcome{intake.Stale}, take(in("a", 6, "six")), "what is gone does not come back")
	require.Empty(t, text("a"))
	require.Equal(t, []intake.Outcome{intake.Stored, intake.Stored}, take(in("a", 8, "eight"), in("never", 8, "")))
	require.Equal(t, "eight", text("a"))

	ids, last, err := k.List(t.Context(), "")
	require.NoError(t, err)
	require.Empty(t, last)
	require.Equal(t, []string{"a", "b"}, ids)
}

func TestOneThatIsRejectedKeepsNoOtherOut(t *testing.T) {
	k := kind(statetest.NewMemory())
	results, err := k.Take(t.Context(), "0", []intake.Incoming{in("a", 1, "rude"), in("b", 1, "b"), {ID: "c", Document: json.RawMessage(`{}`)}})
	require.NoError(t, err)
	require.Equal(t, []intake.Outcome{intake.Rejected, intake.Stored, intake.Rejected}, outcomes(results))
	require.Equal(t, &intake.Problem{Code: "rude", Detail: "That is rude.", Fields: []fault.Field{{Name: "/text", Reason: "is rude"}}}, results[0].Problem)
	require.Equal(t, "/text", results[2].Problem.Fields[0].Name)
	docs, err := k.Read(t.Context(), []string{"a", "b", "c"})
	require.NoError(t, err)
	require.Len(t, docs, 1)
}

// Documents that are sent in any order, more than once, end as the newest of each.
func TestAnyOrderEndsTheSame(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		k, want := kind(statetest.NewMemory()), map[string]string{}
		var all []intake.Incoming
		for id := range 8 {
			for position := range uint64(1 + r.IntN(6)) {
				text := fmt.Sprint(position)
				if r.IntN(4) == 0 {
					text = ""
				}
				all = append(all, in(fmt.Sprint(id), position+1, text))
				want[fmt.Sprint(id)] = text
			}
		}
		all = append(all, all...)
		r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for len(all) > 0 {
			n := min(1+r.IntN(10), len(all))
			_, err := k.Take(t.Context(), "0", all[:n])
			require.NoError(t, err)
			all = all[n:]
		}
		got := map[string]string{}
		ids, _, err := k.List(t.Context(), "")
		require.NoError(t, err)
		docs, err := k.Read(t.Context(), ids)
		require.NoError(t, err)
		require.Len(t, docs, len(ids), "the index lists what is there")
		for _, d := range docs {
			var n note
			require.NoError(t, json.Unmarshal(d.Document, &n))
			got[d.ID] = n.Text
		}
		for id, text := range want {
			require.Equal(t, text, got[id], "seed %d, %s", seed, id)
		}
	}
}

// A part of the index that a store has kept without the root is listed after a repeat.
func TestAPartWithoutTheRootIsListedAgain(t *testing.T) {
	store := statetest.NewMemory()
	_, err := kind(store).Take(t.Context(), "0", []intake.Incoming{in("a", 1, "a")})
	require.NoError(t, err)
	roots, err := store.Get(t.Context(), "moved:notes")
	require.NoError(t, err)
	require.NoError(t, store.Commit(t.Context(), state.Op{Key: "moved:notes", ETag: roots[0].ETag, Delete: true}))
	_, err = kind(store).Take(t.Context(), "0", []intake.Incoming{in("a", 1, "a")})
	require.NoError(t, err)
	ids, _, err := kind(store).List(t.Context(), "")
	require.NoError(t, err)
	require.Equal(t, []string{"a"}, ids)
}

// Documents of several parts come in one batch: each is listed in its own, and what is gone
// stays gone there.
func TestABatchOfSeveralParts(t *testing.T) {
	store := &reading{Memory: statetest.NewMemory()}
	k := kind(store)
	k.PartKeys = func(part string, _ *note) []string { return []string{"list:" + part} }
	batch := []intake.Incoming{in("a", 2, "a"), in("b", 2, "b"), in("c", 2, "")}
	batch[1].Part, batch[2].Part = "7", "8"
	_, err := k.Take(t.Context(), "0", batch)
	require.NoError(t, err)
	require.Len(t, store.calls, 1)
	require.Subset(t, store.calls[0], []string{"moved:notes", "moved:notes:0", "moved:notes:7", "moved:notes:8", "list:0", "list:7"})
	for part, want := range map[string]string{"": "a", "0": "b", "7": ""} {
		ids, _, err := k.List(t.Context(), part)
		require.NoError(t, err)
		require.Equal(t, want, append(ids, "")[0], "after part %q", part)
	}
	late := in("c", 1, "late")
	late.Part = "8"
	results, err := k.Take(t.Context(), "0", []intake.Incoming{late})
	require.NoError(t, err)
	require.Equal(t, intake.Stale, results[0].Outcome)
}

func TestTheListIsInPages(t *testing.T) {
	k := kind(statetest.NewMemory())
	for n := range 25 {
		_, err := k.Take(t.Context(), fmt.Sprintf("%02d", n), []intake.Incoming{in(fmt.Sprintf("%02d", n), 1, "x")})
		require.NoError(t, err)
	}
	var all []string
	for after, pages := "", 0; ; pages++ {
		ids, last, err := k.List(t.Context(), after)
		require.NoError(t, err)
		all = append(all, ids...)
		if last == "" {
			require.Equal(t, 2, pages)
			break
		}
		after = last
	}
	require.Len(t, all, 25)
}

// reads counts the calls that read.
type reads struct {
	state.Store
	n int
}

func (r *reads) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	r.n++
	return r.Store.Get(ctx, keys...)
}

// What only a document says that has to be read is read in one call more for all of a batch, and
// what stores them has one beginning and one end.
func TestWhatABatchHasInCommon(t *testing.T) {
	store := &reads{Store: statetest.NewMemory()}
	k := kind(store)
	further := func(_ *state.Tx, id string) ([]string, error) { return []string{"further:" + id}, nil }
	k.More, k.GetMore = intake.ByID[note](further), further
	var steps []string
	k.Begin = func(tx *state.Tx) intake.Run[note] {
		steps = append(steps, "begin")
		return intake.Run[note]{
			Put: func(d intake.Document[note]) error {
				steps = append(steps, "put "+d.ID)
				return k.Put(tx, d)
			},
			Remove: func(id string) error {
				steps = append(steps, "remove "+id)
				return k.Remove(tx, id)
			},
			Finish: func() error {
				steps = append(steps, "finish")
				return nil
			},
		}
	}
	_, err := k.Take(t.Context(), "0", []intake.Incoming{in("a", 1, "a"), in("b", 1, ""), in("c", 1, "rude")})
	require.NoError(t, err)
	require.Equal(t, []string{"begin", "put a", "remove b", "put c", "finish"}, steps)
	require.Equal(t, 2, store.n)
	docs, err := k.Read(t.Context(), []string{"a", "b"})
	require.NoError(t, err)
	require.Len(t, docs, 1)
	require.Equal(t, 4, store.n)
}

// Where there is room for one batch, another waits, but no longer than its caller.
func TestABatchWaitsForRoom(t *testing.T) {
	k := kind(statetest.NewMemory())
	k.Room = make(chan struct{}, 1)
	k.Room <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.Take(ctx, "0", []intake.Incoming{in("a", 1, "a")})
	require.Equal(t, "busy", fault.CodeOf(err))
	require.ErrorIs(t, err, context.Canceled)
	<-k.Room
	for range 2 {
		_, err = k.Take(t.Context(), "0", []intake.Incoming{in("a", 1, "a")})
		require.NoError(t, err)
	}
	require.Empty(t, k.Room)
}

// What a batch needs is read in one call, and in one more what its documents name.
func TestABatchIsReadTogether(t *testing.T) {
	store := &reading{Memory: statetest.NewMemory()}
	k := kind(store)
	k.PartKeys = func(part string, _ *note) []string { return []string{"list:" + part} }
	k.More = func(tx *state.Tx, docs []intake.Document[note]) (keys []string, err error) {
		for _, d := range docs {
			require.Equal(t, "0", d.Part)
			if n, ok, _ := notes.Get(tx, d.ID); ok {
				keys = append(keys, "more:"+n.Text)
			}
		}
		return keys, nil
	}
	take := func(docs ...intake.Incoming) {
		_, err := k.Take(t.Context(), "0", docs)
		require.NoError(t, err)
	}
	take(in("b", 1, "x"), in("a", 1, "x"), in("a", 2, "y"), in("c", 1, "rude"), in("d", 1, ""))
	require.Len(t, store.calls, 1)
	require.Subset(t, store.calls[0], []string{"note:a", "list:0"})
	store.calls = nil
	take(in("a", 3, "z"), in("b", 3, ""), in("c", 0, "x"))
	require.Len(t, store.calls, 2)
	require.Equal(t, []string{"more:y", "more:x"}, store.calls[1])
}

// reading notes what is read.
type reading struct {
	*statetest.Memory
	calls [][]string
}

func (r *reading) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	r.calls = append(r.calls, keys)
	return r.Memory.Get(ctx, keys...)
}
