package move

import (
	"maps"
	"time"

	"tienda/services/migration/internal/source"
)

// Stray are changes of documents that the shop is in charge of which somebody else than the
// migration has made in the source.
type Stray struct {
	Count int64     `json:"count"` // of documents by transaction
	Key   string    `json:"key"`   // of the last one; its table, where the log does not tell
	At    time.Time `json:"at"`    // when it was committed
}

// stray counts the documents that a transaction changes, each once.
func (b *burst) stray(tx source.Transaction) {
	seen := map[[2]string]bool{}
	for _, c := range tx.Changes {
		kind, key := b.whose(c)
		if of := [2]string{kind, key}; kind != "" && !seen[of] {
			seen[of] = true
			b.strays[kind] = Stray{Count: b.strays[kind].Count + 1, Key: key, At: tx.At}
		}
	}
}

// whose gives the kind that a change is of, and the document's key; of what the log does not
// tell, its table. A row that several kinds have is of the one whose root it is, else of
// the first of them; "": of none.
func (b *burst) whose(c source.Change) (kind, key string) {
	touched := b.mapping.Touched(c)
	for _, k := range b.mapping.Kinds() {
		if k.Query().Table == c.Table {
			kind = k.Name()
			break
		}
	}
	if kind == "" && len(touched) > 0 {
		kind = touched[0].Kind
	}
	for _, t := range touched {
		if t.Kind == kind && len(t.Keys) > 0 {
			return kind, b.kinds[kind].Identity(t.Keys[len(t.Keys)-1]).Key
		}
	}
	return kind, c.Table
}

// position is up to where all is stored.
func (m *Mover) position() source.Position {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.run.Position
}

// countStrays adds those of a burst, of kinds that the shop is in charge of, and says
// whether there were any. m.mu is held.
func (m *Mover) countStrays(b *burst) (any bool) {
	all := maps.Clone(m.run.Strays)
	for name, s := range b.strays {
		if !m.run.Handed[b.kinds[name].Kind()] {
			continue
		}
		if all == nil {
			all = map[string]Stray{}
		}
		s.Count += all[name].Count
		all[name], any = s, true
		m.log.Warn("the monolith was written to past the gateway: the shop is in charge of that", "kind", name, "key", s.Key)
	}
	m.run.Strays = all
	return any
}

// forgetStrays begins anew for kinds that change hands. m.mu is held.
func (m *Mover) forgetStrays(kinds []string) {
	all := maps.Clone(m.run.Strays)
	for _, k := range m.mapping.Kinds() {
		for _, kind := range kinds {
			if k.Kind() == kind {
				delete(all, k.Name())
			}
		}
	}
	m.run.Strays = all
}
