package state

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tienda/internal/event"
)

// Watch has what becomes of some documents announced, whoever changes them: for one who
// keeps copies of what they hold.
type Watch struct {
	Prefix string // of the keys of the documents
	// Holds gives what a document holds for that one, by ID. Only a change of it is announced.
	Holds func(doc []byte) (map[string][]byte, error)
	// Announce makes the event of what has changed, is new, or is gone.
	Announce func(id string, gone bool) event.Event
	// Along, if any, writes what belongs to something that is announced and there, into the same commit.
	Along func(tx *Tx, id string, doc []byte) error
}

// Watch adds a watch. Without one, updates cost nothing for it. Call it before Start.
func (db *DB) Watch(w Watch) { db.watches = append(db.watches, w) }

// Unwatched has what this update writes announced to no Watch.
func (tx *Tx) Unwatched() { tx.unwatched = true }

// tell emits the events of the watches for what a transaction has written.
func (db *DB) tell(tx *Tx) error {
	if tx.unwatched {
		return nil
	}
	for _, key := range tx.writtenKeys() {
		for _, w := range db.watches {
			if !strings.HasPrefix(key, w.Prefix) {
				continue
			}
			if err := w.tell(tx, key); err != nil {
				return fmt.Errorf("state: what %s holds: %w", key, err)
			}
		}
	}
	return nil
}

func (w Watch) tell(tx *Tx, key string) error {
	d := tx.docs[key]
	var before, after map[string][]byte
	var doc []byte
	var err error
	if d.etag != "" && !d.gone {
		if before, err = w.Holds(d.data); err != nil {
			return err
		}
	}
	if !d.deleted {
		if doc, err = json.Marshal(d.value); err != nil {
			return err
		}
		if after, err = w.Holds(doc); err != nil {
			return err
		}
	}
	// What an earlier run of the update has left there, and said, is written over: its events
	// go with it, although it is no change any more.
	ids := tx.earlier.told(key)
	for id, was := range before {
		if is, there := after[id]; !there || !bytes.Equal(is, was) {
			ids = append(ids, id)
		}
	}
	for id := range after {
		if _, there := before[id]; !there {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		_, there := after[id]
		tx.Emit(key, w.Announce(id, !there))
		if tx.told == nil {
			tx.told = map[string][]string{}
		}
		tx.told[key] = append(tx.told[key], id)
		if there && w.Along != nil {
			if err := w.Along(tx, id, doc); err != nil {
				return err
			}
		}
	}
	return nil
}

// told gives what runs that have landed in part have announced of a document that is
// still as they left it.
func (h halves) told(key string) (ids []string) {
	for _, tx := range h {
		if slices.Contains(tx.half, key) {
			ids = append(ids, tx.told[key]...)
		}
	}
	return ids
}

// Raw gives a document as it is stored and its version; nil: there is none. What this
// transaction has written itself is not seen.
func (tx *Tx) Raw(key string) (doc []byte, version int64, err error) {
	if err := tx.Load(key); err != nil {
		return nil, 0, err
	}
	d := tx.docs[key]
	if d.etag == "" || d.gone {
		return nil, 0, nil
	}
	return d.data, d.version, nil
}

// Journal gives the name of this replica's present journal; "": it has none.
func (db *DB) Journal() string {
	if db.outbox == nil {
		return ""
	}
	db.outbox.mu.Lock()
	defer db.outbox.mu.Unlock()
	return db.outbox.id
}
