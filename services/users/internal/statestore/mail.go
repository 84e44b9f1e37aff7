package statestore

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"sync"
	"time"

	"tienda/internal/state"
	"tienda/services/users/internal/mail"
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

// Mail implements mail.Queue. A letter is one document, written with the change
// that it is about. Nothing else is written until a try has failed: that it is
// to be sent stands in the journal of the replica (state.Tx.Unfinished), so that
// no document is in everybody's way. The list is written before what the journal
// knows is given up, and each document by itself: on no store can a letter be
// in neither.
type Mail struct {
	db *state.DB

	mu    sync.Mutex
	awake func(ctx context.Context, ids ...string)
}

// NewMail gives the unsent mail in db.
func NewMail(db *state.DB) *Mail { return &Mail{db: db} }

// Start says who is to be told of this replica's letters. Call it before the
// service starts.
func (m *Mail) Start(awake func(ctx context.Context, ids ...string)) {
	m.mu.Lock()
	m.awake = awake
	m.mu.Unlock()
}

// post puts a letter into the transaction of the change that it is about.
func post(tx *state.Tx, l mail.Letter) error {
	tx.Unfinished(letters.Key(l.ID))
	return letters.Put(tx, l.ID, l)
}

func postAll(tx *state.Tx, all []mail.Letter) error {
	for _, l := range all {
		if err := post(tx, l); err != nil {
			return err
		}
	}
	return nil
}

// posted tells the sender of letters that a transaction has committed.
func (m *Mail) posted(ctx context.Context, ls []mail.Letter, err error) {
	m.mu.Lock()
	awake := m.awake
	m.mu.Unlock()
	if err != nil || len(ls) == 0 || awake == nil {
		return
	}
	ids := make([]string, len(ls))
	for i, l := range ls {
		ids[i] = l.ID
	}
	awake(context.WithoutCancel(ctx), ids...)
}

// Post implements account.Store: one read, one write.
func (a *Accounts) Post(ctx context.Context, l mail.Letter) error {
	err := a.db.Update(ctx, func(tx *state.Tx) error { return post(tx, l) })
	a.mail.posted(ctx, []mail.Letter{l}, err)
	return err
}

func pageOf(id string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
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
func (m *Mail) Claim(ctx context.Context, id string, now, until time.Time) (l mail.Letter, mine bool, err error) {
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
	return l, mine, err
}

// Done implements mail.Queue: one read, one write; one more of each for a letter
// that is listed.
func (m *Mail) Done(ctx context.Context, id string) error {
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
	if err != nil || !listed {
		return err
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
func (m *Mail) Postpone(ctx context.Context, l mail.Letter, due time.Time) error {
	if err := m.db.Update(ctx, func(tx *state.Tx) error { return enlist(tx, l.ID, due, true) }); err != nil {
		return err
	}
	return m.db.Update(ctx, func(tx *state.Tx) error {
		if _, there, err := letters.Get(tx, l.ID); err != nil || !there {
			return err // somebody else was done with it
		}
		return letters.Put(tx, l.ID, l)
	})
}

// listTogether bounds the letters of one transaction of List.
const listTogether = 50

// List implements mail.Queue: one read and one write for each 50 letters.
func (m *Mail) List(ctx context.Context, ids ...string) error {
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
func (m *Mail) Due(ctx context.Context, now time.Time, limit int) (ids []string, listed int, err error) {
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
