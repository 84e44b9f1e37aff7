package statestore

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/users/internal/audit"
)

// noAccount has the trail of what is about no account.
const noAccount = "none"

var (
	trails     = state.Collection[audit.Trail]{Prefix: "trail:", TTL: audit.Retention}
	trailPages = state.Collection[audit.Page]{Prefix: "trail:", TTL: audit.Retention}
)

func trailOf(userID string) string {
	if userID == "" {
		return noAccount
	}
	return userID
}

func trailPage(userID string, n int) string { return trailOf(userID) + ":" + strconv.Itoa(n) }

// noteKeys lists what note reads, for the bulk read of its transaction.
func noteKeys(b *audit.Batch, userID string) []string {
	return []string{trails.Key(trailOf(userID)), logs.Key(logID(b.At(), userID))}
}

// note writes security events of an account into its trail and into the log of
// all, in the transaction of the change. It costs no call of its own where the
// transaction has loaded noteKeys.
func note(tx *state.Tx, b *audit.Batch, userID string, events ...audit.Event) error {
	for _, e := range events {
		if err := append1(tx, b.Record(userID, e)); err != nil {
			return err
		}
	}
	return nil
}

func append1(tx *state.Tx, r audit.Record) error {
	id := trailOf(r.UserID)
	t, _, err := trails.Get(tx, id)
	if err != nil {
		return err
	}
	number, closed, err := t.Append(r)
	if err != nil {
		return err
	}
	if closed != nil {
		if err := trailPages.Put(tx, trailPage(id, number-1), *closed); err != nil {
			return err
		}
	}
	if err := trails.Put(tx, id, t); err != nil {
		return err
	}
	return appendLog(tx, logID(r.At, r.UserID), pointer{At: r.At.UnixMilli(), ID: r.ID, UserID: r.UserID, Page: number, Kind: r.Kind})
}

// Audit implements audit.Store.
type Audit struct{ db *state.DB }

// NewAudit gives the trails in db.
func NewAudit(db *state.DB) *Audit { return &Audit{db: db} }

// Append implements audit.Store: one read, one write.
func (a *Audit) Append(ctx context.Context, records ...audit.Record) error {
	return a.db.Update(ctx, func(tx *state.Tx) error {
		var keys []string
		for _, r := range records {
			keys = append(keys, trails.Key(trailOf(r.UserID)), logs.Key(logID(r.At, r.UserID)))
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		for _, r := range records {
			if err := append1(tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// place is where the next page of a trail starts.
type place struct {
	Page  int    `json:"p"`           // 1 + number of the page
	After string `json:"a,omitempty"` // the last record already seen on it
}

// pagesAtOnce is how many closed pages of a trail one call reads, and
// maxPages how many of them a request looks through.
const (
	pagesAtOnce = 10
	maxPages    = 50
)

// OfUser implements audit.Store: one read, one more for each 200 records that
// are looked through, 1,000 of them at most.
func (a *Audit) OfUser(ctx context.Context, q audit.Query) (out []audit.Record, next string, err error) {
	var from place
	if err := page.Decode(q.Cursor, &from); err != nil {
		return nil, "", err
	}
	err = a.db.View(ctx, func(tx *state.Tx) error {
		t, ok, err := trails.Get(tx, trailOf(q.UserID))
		if err != nil || !ok {
			return err
		}
		n, unread := t.Closed, t.Closed
		if from.Page > 0 && from.Page-1 < n {
			n, unread = from.Page-1, from.Page
		}
		stop := max(0, n-maxPages)
		for ; n >= stop; n, from.After = n-1, "" {
			p := t.Page
			if n < t.Closed {
				if n < unread {
					unread = max(0, n-pagesAtOnce+1)
					if err := tx.Load(pageKeys(q.UserID, unread, n)...); err != nil {
						return err
					}
				}
				if p, _, err = trailPages.Get(tx, trailPage(q.UserID, n)); err != nil {
					return err
				}
			}
			after := ""
			for _, r := range since(t.Read(q.UserID, p), from.After) {
				switch {
				case !q.From.IsZero() && r.At.Before(q.From):
					return nil
				case !matches(q, r.Kind) || !q.To.IsZero() && !r.At.Before(q.To):
				case len(out) == q.Limit:
					next = page.Encode(place{Page: n + 1, After: after})
					return nil
				default:
					out, after = append(out, r), r.ID
				}
			}
		}
		if n >= 0 {
			next = page.Encode(place{Page: n + 1})
		}
		return nil
	})
	return out, next, err
}

// since leaves out the records up to the one with an ID.
func since(records []audit.Record, id string) []audit.Record {
	i := slices.IndexFunc(records, func(r audit.Record) bool { return r.ID == id })
	return records[i+1:]
}

func pageKeys(userID string, from, to int) []string {
	var keys []string
	for n := from; n <= to; n++ {
		keys = append(keys, trailPages.Key(trailPage(userID, n)))
	}
	return keys
}

func matches(q audit.Query, k audit.Kind) bool { return q.Kind == "" || q.Kind == k }

// shards is in how many parts each list that all accounts share is.
const shards = 16

// shardOf spreads accounts over some documents, so that two of them seldom
// meet in one.
func shardOf(userID string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(userID))
	return int(h.Sum32() % shards)
}
