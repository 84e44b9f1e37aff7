// Package mailroom is what stands behind the letters of an app (internal/mail):
// the queue in the app's state store, the mail binding of its sidecar, and the
// figures.
//
//	mail:<id>            a letter that is not sent yet
//	mail-list:<0..15>    letters whose sending has failed
package mailroom

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"tienda/internal/mail"
	"tienda/internal/state"
	"tienda/internal/trace"
)

// Of the list: so many documents, which are read together, and so many lines in
// each. The list is short as long as mail goes out.
const (
	listPages   = 16
	linesOfPage = 2000
)

// list is a page of the letters that all replicas see, with when each is due. A
// line is what decides who tries the letter: who claims it puts it off. A line
// that points at no letter is harmless.
type list struct {
	Due map[string]time.Time `json:"due"` // by letter ID
}

var (
	letters = state.Collection[mail.Letter]{Prefix: "mail:"}
	lists   = state.Collection[list]{Prefix: "mail-list:"}
)

// Queue implements mail.Queue. A letter is one document, written with the change
// that it is about. Nothing else is written until a try has failed: that it is
// to be sent stands in the journal of the replica (state.Tx.Unfinished), so that
// no document is in everybody's way. The list is written before what the journal
// knows is given up, and each document by itself: on no store can a letter be
// in neither.
type Queue struct {
	db *state.DB

	mu     sync.Mutex
	sender *mail.Sender
}

// New gives the queue of the letters in db.
func New(db *state.DB) *Queue { return &Queue{db: db} }

// Start says who sends this replica's letters. Call it before the service starts.
func (m *Queue) Start(s *mail.Sender) {
	s.Trace(m.db.Tracer())
	m.mu.Lock()
	m.sender = s
	m.mu.Unlock()
}

// maxWaiting is how many letters a replica may hold that are neither sent nor
// listed: far more than the list takes at once.
const maxWaiting = 1000

// Crowded says that so many letters wait that the list takes no more of them.
// Then a change that must not fail for its letter does without it: Skip.
func (m *Queue) Crowded() bool {
	s := m.sends()
	return s != nil && s.Stats().Waiting >= maxWaiting
}

// Skip counts letters that were not written as given up.
func (m *Queue) Skip(n int) {
	if s := m.sends(); s != nil {
		s.Skip(n)
	}
}

func (m *Queue) sends() *mail.Sender {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sender
}

// Key gives the key of a letter, for a read together with other documents.
func Key(id string) string { return letters.Key(id) }

// Is gives the ID of the letter that a key is of.
func Is(key string) (id string, ok bool) { return strings.CutPrefix(key, letters.Prefix) }

// Put puts letters into the transaction of the change that they are about. Call
// Posted after it.
func Put(tx *state.Tx, all ...mail.Letter) error {
	for _, l := range all {
		if l.Trace == "" {
			l.Trace = trace.Kept(tx.Context()).Parent
		}
		tx.Unfinished(letters.Key(l.ID))
		if err := letters.Put(tx, l.ID, l); err != nil {
			return err
		}
	}
	return nil
}

// Posted tells the sender of letters that a transaction has committed.
func (m *Queue) Posted(ctx context.Context, ls []mail.Letter, err error) {
	sender := m.sends()
	if err != nil || len(ls) == 0 || sender == nil {
		return
	}
	ids := make([]string, len(ls))
	for i, l := range ls {
		ids[i] = l.ID
	}
	sender.Wake(context.WithoutCancel(ctx), ids...)
}

// Post writes letters by themselves: one read, one write. Where there is one of
// an ID already, that one counts. wanted gives them, and may read what
// decides that, together with the letters (Key); it may run more than once.
func (m *Queue) Post(ctx context.Context, wanted func(*state.Tx) ([]mail.Letter, error)) error {
	var posted []mail.Letter
	err := m.db.Update(ctx, func(tx *state.Tx) error {
		posted = nil
		all, err := wanted(tx)
		if err != nil {
			return err
		}
		for _, l := range all {
			if _, there, err := letters.Get(tx, l.ID); err != nil || there {
				if err != nil {
					return err
				}
				continue
			}
			posted = append(posted, l)
		}
		return Put(tx, posted...)
	})
	m.Posted(ctx, posted, err)
	return err
}

// pageOf gives the page of a letter: one page for those about one document,
// whose IDs begin with the document's, up to a colon.
func pageOf(id string) string {
	about, _, _ := strings.Cut(id, ":")
	h := fnv.New32a()
	_, _ = h.Write([]byte(about))
	return fmt.Sprint(h.Sum32() % listPages)
}

// enlist puts a line into the list, or changes it.
func enlist(tx *state.Tx, id string, due time.Time, change bool) error {
	page, _, err := lists.Get(tx, pageOf(id))
	if err != nil {
		return err
	}
	if page.Due == nil {
		page.Due = map[string]time.Time{}
	}
	switch _, there := page.Due[id]; {
	case there && !change:
		return nil
	case !there && len(page.Due) >= linesOfPage:
		return mail.ErrFull
	}
	page.Due[id] = due.UTC()
	return lists.Put(tx, pageOf(id), page)
}

// Claim implements mail.Queue: one read, and one write for a letter that is
// listed. One that is not is known to this replica only.
func (m *Queue) Claim(ctx context.Context, id string, now, until time.Time) (l mail.Letter, mine bool, err error) {
	err = m.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(letters.Key(id), lists.Key(pageOf(id))); err != nil {
			return err
		}
		var ok bool
		if l, ok, err = letters.Get(tx, id); err != nil {
			return err
		}
		if !ok {
			return mail.ErrGone
		}
		page, _, err := lists.Get(tx, pageOf(id))
		if err != nil {
			return err
		}
		due, listed := page.Due[id]
		if mine = !now.Before(due); !mine || !listed {
			return nil
		}
		return enlist(tx, id, until, true)
	})
	if err == nil && !mine {
		m.db.Finish(letters.Key(id)) // it is the list that counts
	}
	return l, mine, err
}

// Done implements mail.Queue: one read, one write; one more of each for a letter
// that is listed.
func (m *Queue) Done(ctx context.Context, id string) error {
	var listed bool
	err := m.db.Update(ctx, func(tx *state.Tx) error {
		if err := tx.Load(letters.Key(id), lists.Key(pageOf(id))); err != nil {
			return err
		}
		page, _, err := lists.Get(tx, pageOf(id))
		if err != nil {
			return err
		}
		_, listed = page.Due[id]
		return letters.Delete(tx, id)
	})
	if err != nil {
		return err
	}
	m.db.Finish(letters.Key(id)) // another replica may have been faster
	if !listed {
		return nil
	}
	return m.db.Update(ctx, func(tx *state.Tx) error {
		page, _, err := lists.Get(tx, pageOf(id))
		if err != nil {
			return err
		}
		if _, listed = page.Due[id]; !listed {
			return nil
		}
		delete(page.Due, id)
		return lists.Put(tx, pageOf(id), page)
	})
}

// Postpone implements mail.Queue: two reads, two writes.
func (m *Queue) Postpone(ctx context.Context, l mail.Letter, due time.Time) error {
	if err := m.db.Update(ctx, func(tx *state.Tx) error { return enlist(tx, l.ID, due, true) }); err != nil {
		return err
	}
	err := m.db.Update(ctx, func(tx *state.Tx) error {
		if _, there, err := letters.Get(tx, l.ID); err != nil || !there {
			return err // somebody else was done with it
		}
		return letters.Put(tx, l.ID, l)
	})
	if err == nil {
		m.db.Finish(letters.Key(l.ID)) // it is the list that counts, or another replica was faster
	}
	return err
}

// listTogether bounds the letters of one transaction of List.
const listTogether = 50

// List implements mail.Queue: one read and one write for each 50 letters.
func (m *Queue) List(ctx context.Context, ids ...string) error {
	for together := range slices.Chunk(ids, listTogether) {
		err := m.db.Update(ctx, func(tx *state.Tx) error {
			keys := make([]string, len(together))
			for i, id := range together {
				keys[i] = lists.Key(pageOf(id))
			}
			if err := tx.Load(keys...); err != nil {
				return err
			}
			for _, id := range together {
				if err := enlist(tx, id, time.Time{}, false); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range together { // from here on it is the list that counts
			m.db.Finish(letters.Key(id))
		}
	}
	return nil
}

// Due implements mail.Queue: one read.
func (m *Queue) Due(ctx context.Context, now time.Time, limit int) (ids []string, listed int, err error) {
	type line struct {
		id  string
		due time.Time
	}
	var due []line
	err = m.db.View(ctx, func(tx *state.Tx) error {
		pages := make([]string, listPages)
		for i := range pages {
			pages[i] = fmt.Sprint(i)
		}
		all, err := lists.GetAll(tx, pages...)
		for _, page := range all {
			listed += len(page.Due)
			for id, at := range page.Due {
				if !now.Before(at) {
					due = append(due, line{id, at})
				}
			}
		}
		return err
	})
	slices.SortFunc(due, func(a, b line) int {
		return cmp.Or(a.due.Compare(b.due), strings.Compare(a.id, b.id))
	})
	for _, l := range due[:min(limit, len(due))] {
		ids = append(ids, l.id)
	}
	return ids, listed, err
}
