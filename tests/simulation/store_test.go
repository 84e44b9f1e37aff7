package simulation

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tienda/internal/state"
)

var (
	errStore    = errors.New("simulation: the store does not answer")
	errMismatch = errors.New("simulation: etag mismatch")
)

// store is one app's state store, which all its replicas share. It rolls a
// transaction back like SQLite and Postgres, or writes each key that it can,
// like Redis.
type store struct {
	w     *world
	app   string
	items map[string]state.Item
	stale map[string]state.Item // of a sabotage: what was there before
	seq   int
}

// view is the store as one replica reaches it.
type view struct {
	*store
	from *replica
}

// Get implements state.Store.
func (v view) Get(ctx context.Context, keys ...string) ([]state.Item, error) {
	sorted := slices.Sorted(slices.Values(keys))
	label := v.from.name + " get " + strings.Join(short(sorted), ",") + " for " + behind(ctx)
	return ask(ctx, v.w, v.from, label, func(answer func([]state.Item, error)) {
		switch {
		case v.w.chance(v.w.mix.refuse):
			v.w.fault("read refused", 0)
			answer(nil, errStore)
		case v.w.chance(v.w.mix.hang):
			d := v.w.upTo(hangTime)
			v.w.fault("read hangs", d)
			v.w.later(&step{label: label + " at last", do: func() { answer(v.read(keys), nil) }}, d)
		default:
			answer(v.read(keys), nil)
		}
	})
}

// short names keys for the trace; the 65 of catalog's index are one.
func short(keys []string) []string {
	return slices.DeleteFunc(keys, func(k string) bool { return strings.HasPrefix(k, "bucket:") && k != "bucket:0" })
}

// read gives what is there, or what a sabotage makes of it.
func (v view) read(keys []string) []state.Item { return v.w.bugs.estrange(v, v.store.read(keys)) }

func (s *store) read(keys []string) []state.Item {
	out := make([]state.Item, len(keys))
	for i, k := range keys {
		out[i] = state.Item{Key: k}
		if it, ok := s.items[k]; ok {
			out[i] = it
		}
		if it, ok := s.stale[k]; ok && it.ETag != "" && s.w.rng.IntN(2) == 0 {
			out[i] = it
		}
	}
	return out
}

// Commit implements state.Store.
func (v view) Commit(ctx context.Context, ops ...state.Op) error {
	keys := make([]string, len(ops))
	for i, op := range ops {
		keys[i] = op.Key
		if op.Delete {
			keys[i] = "-" + op.Key
		}
	}
	slices.Sort(keys)
	label := v.from.name + " commit " + strings.Join(keys, ",")
	_, err := ask(ctx, v.w, v.from, label, func(answer func(struct{}, error)) {
		w := v.w
		none := struct{}{}
		w.bugs.announces(w, ops)
		w.bugs.owns(v, ops)
		switch {
		case w.chance(w.mix.refuse):
			w.fault("write refused", 0)
			answer(none, errStore)
			return
		case w.chance(w.mix.hang):
			d := w.upTo(hangTime)
			w.fault("write hangs", d)
			w.later(&step{label: label + " at last", do: func() { answer(none, v.write(ops)) }}, d)
			return
		case w.chance(w.mix.conflict) && v.overtake(ops):
			w.fault("overtaken", 0)
		}
		err := v.write(ops)
		switch {
		case w.chance(w.mix.lose):
			w.fault("answer of a write lost", 0)
			answer(none, errStore)
		case w.chance(w.mix.crash) && w.mayFail(v.from):
			w.fault("crash at a write", 0)
			w.crash(v.from)
		default:
			answer(none, err)
		}
	})
	return err
}

// write applies a transaction.
func (s *store) write(ops []state.Op) error {
	conflict := false
	fits := func(op state.Op) bool {
		return op.Blind || s.w.bugs.ignores(op) || s.items[op.Key].ETag == op.ETag
	}
	for _, op := range ops {
		conflict = conflict || !fits(op)
	}
	if conflict && s.w.mix.rollback {
		s.w.note("conflict, nothing is written")
		return errMismatch
	}
	for _, op := range ops {
		switch {
		case !fits(op) || s.w.bugs.drops(op, s.items[op.Key]):
		case op.Delete:
			delete(s.items, op.Key)
		default:
			s.seq++
			if s.w.bugs.looseUses && strings.HasPrefix(op.Key, usesOf) {
				s.stale[op.Key] = s.items[op.Key]
			}
			s.items[op.Key] = state.Item{Key: op.Key, Value: slices.Clone(op.Value), ETag: strconv.Itoa(s.seq)}
		}
	}
	if conflict {
		s.w.note("conflict, the others are written")
		return errMismatch
	}
	return nil
}

// overtake writes one of the documents anew before the transaction does, as a
// writer of another replica would, and leaves it as it is otherwise.
func (s *store) overtake(ops []state.Op) bool {
	var can []string
	for _, op := range ops {
		if it, ok := s.items[op.Key]; ok && !op.Blind && it.ETag == op.ETag {
			can = append(can, op.Key)
		}
	}
	if len(can) == 0 {
		return false
	}
	slices.Sort(can)
	key := can[s.w.rng.IntN(len(can))]
	it := s.items[key]
	var doc map[string]json.RawMessage
	if json.Unmarshal(it.Value, &doc) != nil {
		return false
	}
	var version int64
	var commit string
	var past []string
	if json.Unmarshal(doc["v"], &version) != nil || json.Unmarshal(doc["c"], &commit) != nil {
		return false
	}
	_ = json.Unmarshal(doc["h"], &past)
	past = append([]string{commit}, past...)
	s.seq++
	doc["v"], _ = json.Marshal(version + 1)
	doc["c"], _ = json.Marshal("other-" + strconv.Itoa(s.seq))
	doc["h"], _ = json.Marshal(past[:min(3, len(past))])
	value, _ := json.Marshal(doc)
	s.items[key] = state.Item{Key: key, Value: value, ETag: strconv.Itoa(s.seq)}
	s.w.note("overtaken at %s", key)
	return true
}

// keys lists the keys with a prefix.
func (s *store) keys(prefix string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(s.items)) {
		if strings.HasPrefix(k, prefix) {
			out = append(out, k)
		}
	}
	return out
}

// document reads a document as it stands there; false: there is none.
func (s *store) document(key string, into any) bool {
	var e struct {
		Gone bool            `json:"x"`
		Data json.RawMessage `json:"d"`
	}
	it, ok := s.items[key]
	if !ok || json.Unmarshal(it.Value, &e) != nil || e.Gone {
		return false
	}
	return json.Unmarshal(e.Data, into) == nil
}
