package move

import (
	"context"
	"errors"
	"maps"
	"slices"

	"tienda/internal/fault"
)

// errHanded keeps what the shop is in charge of from being written over.
var errHanded = fault.New(fault.Conflict, "handed_over", "The shop is in charge of these documents: they are not written over by what the source has.")

// Hand gives kinds of document to the shop, or back to the source, and keeps that. It
// waits until nothing is being stored of them: from then on changes of the source are not
// taken over, or are again. What changed meanwhile is not made up for: whoever hands
// documents back has written them to the source.
func (m *Mover) Hand(ctx context.Context, kinds []string, toShop bool) error {
	m.storing.Lock()
	defer m.storing.Unlock()
	m.mu.Lock()
	handed := maps.Clone(m.run.Handed)
	if handed == nil {
		handed = map[string]bool{}
	}
	for _, kind := range kinds {
		if toShop {
			handed[kind] = true
		} else {
			delete(handed, kind)
		}
	}
	m.run.Handed = handed
	m.forgetStrays(kinds)
	m.mu.Unlock()
	return m.saveRun(ctx)
}

// handed says whether the shop is in charge of a kind.
func (m *Mover) handed(k Kind) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run.Handed[k.Kind()]
}

// Handed says whether the shop is in charge of a kind of document.
func (m *Mover) Handed(kind string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run.Handed[kind]
}

// Watch are the roots that changes have touched since it began.
type Watch struct {
	mover *Mover
	kinds map[string]bool
	keys  map[string]map[string][]any // by kind's name, and document
}

// Watch notes from now on which roots of some kinds of document are touched.
func (m *Mover) Watch(kinds []string) *Watch {
	w := &Watch{mover: m, kinds: map[string]bool{}, keys: map[string]map[string][]any{}}
	for _, kind := range kinds {
		w.kinds[kind] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watches[w] = true
	return w
}

// Keys gives the roots of a kind that were touched so far.
func (w *Watch) Keys(k Kind) [][]any {
	w.mover.mu.Lock()
	defer w.mover.mu.Unlock()
	return slices.Collect(maps.Values(w.keys[k.Name()]))
}

// Close ends the watch.
func (w *Watch) Close() {
	w.mover.mu.Lock()
	defer w.mover.mu.Unlock()
	delete(w.mover.watches, w)
}

// seen tells the watches of roots that are touched.
func (m *Mover) seen(k Kind, keys [][]any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for w := range m.watches {
		if !w.kinds[k.Kind()] {
			continue
		}
		if w.keys[k.Name()] == nil {
			w.keys[k.Name()] = map[string][]any{}
		}
		for _, key := range keys {
			w.keys[k.Name()][k.Identity(key).ID] = key
		}
	}
}

// isHanded says whether an error is that the shop is in charge.
func isHanded(err error) bool { return errors.Is(err, errHanded) }
