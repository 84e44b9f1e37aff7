package statestore

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"tienda/internal/page"
	"tienda/internal/state"
	"tienda/services/users/internal/audit"
)

// The log of all accounts says where each record is: a list for each day, in
// logShards parts by account, so that sign-ins seldom wait for each other, and
// each part in pages of logPage.
const (
	logShards = shards
	logPage   = 50
	logDays   = 31 // that one request looks through
)

// pointer says where a record is.
type pointer struct {
	At     int64      `json:"a"` // Unix milliseconds
	ID     string     `json:"i"`
	UserID string     `json:"u,omitempty"`
	Page   int        `json:"p,omitempty"` // of the trail
	Kind   audit.Kind `json:"k"`
}

// newer says whether p stands before the point (at, id) in a list with the
// newest first.
func (p pointer) compare(at int64, id string) int {
	return cmp.Or(cmp.Compare(at, p.At), cmp.Compare(id, p.ID))
}

// bounds are what is known of a closed page without reading it. The clocks of
// replicas differ, so that the pages overlap a little.
type bounds struct {
	Oldest int64        `json:"o"`
	Newest int64        `json:"n"`
	Kinds  []audit.Kind `json:"k"`
}

type logHead struct {
	Closed []bounds  `json:"closed,omitempty"`
	Open   []pointer `json:"open"`
}

type logClosed struct {
	Pointers []pointer `json:"pointers"`
}

var (
	logs     = state.Collection[logHead]{Prefix: "log:", TTL: audit.Retention}
	logPages = state.Collection[logClosed]{Prefix: "log:", TTL: audit.Retention}
)

func logID(at time.Time, userID string) string { return logPart(at, shardOf(userID)) }

func logPart(day time.Time, shard int) string {
	return fmt.Sprintf("%s:%d", day.UTC().Format(time.DateOnly), shard)
}

func logPageID(part string, n int) string { return fmt.Sprintf("%s:%d", part, n) }

// appendLog adds a pointer; one that is there already is brought up to date.
func appendLog(tx *state.Tx, part string, p pointer) error {
	h, _, err := logs.Get(tx, part)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(h.Open, func(o pointer) bool { return o.ID == p.ID }); i >= 0 {
		if h.Open[i] == p {
			return nil
		}
		h.Open[i] = p
		return logs.Put(tx, part, h)
	}
	if len(h.Open) >= logPage {
		if err := logPages.Put(tx, logPageID(part, len(h.Closed)), logClosed{Pointers: h.Open}); err != nil {
			return err
		}
		h.Closed, h.Open = append(h.Closed, boundsOf(h.Open)), nil
	}
	h.Open = append(h.Open, p)
	return logs.Put(tx, part, h)
}

func boundsOf(list []pointer) bounds {
	b := bounds{Oldest: list[0].At, Newest: list[0].At}
	for _, p := range list {
		b.Oldest, b.Newest = min(b.Oldest, p.At), max(b.Newest, p.At)
		if !slices.Contains(b.Kinds, p.Kind) {
			b.Kinds = append(b.Kinds, p.Kind)
		}
	}
	return b
}

// point is where the next page of the log starts: what is older than it.
type point struct {
	At int64  `json:"a"`
	ID string `json:"i,omitempty"` // of those of the same time, what has a smaller ID
}

// All implements audit.Store: one read for the 16 parts of each day that is
// looked through, 31 at most, one for each full page of them, two for the records.
func (a *Audit) All(ctx context.Context, q audit.Query) (out []audit.Record, next string, err error) {
	from := point{At: q.To.UnixMilli()}
	if q.To.IsZero() {
		from.At = time.Now().Add(24 * time.Hour).UnixMilli() // the clocks of replicas differ
	}
	if err := page.Decode(q.Cursor, &from); err != nil {
		return nil, "", err
	}
	oldest := time.Now().Add(-audit.Retention)
	if q.From.After(oldest) {
		oldest = q.From
	}
	err = a.db.View(ctx, func(tx *state.Tx) error {
		s := search{tx: tx, q: q, from: from, oldest: oldest.UnixMilli(), need: q.Limit + 1}
		day := time.UnixMilli(from.At).UTC().Truncate(24 * time.Hour)
		end := oldest.UTC().Truncate(24 * time.Hour)
		for range logDays {
			if day.Before(end) || len(s.found) >= s.need {
				break
			}
			if err := s.day(day); err != nil {
				return err
			}
			day = day.Add(-24 * time.Hour)
		}
		switch {
		case len(s.found) > q.Limit:
			s.found = s.found[:q.Limit]
			last := s.found[q.Limit-1]
			next = page.Encode(point{At: last.At, ID: last.ID})
		case !day.Before(end):
			next = page.Encode(point{At: day.Add(24 * time.Hour).UnixMilli()})
		}
		out, err = resolve(tx, s.found)
		return err
	})
	return out, next, err
}

// search collects pointers, newest first.
type search struct {
	tx     *state.Tx
	q      audit.Query
	from   point
	oldest int64
	need   int
	found  []pointer
}

func (s *search) wants(p pointer) bool {
	return p.At >= s.oldest && p.compare(s.from.At, s.from.ID) > 0 && matches(s.q, p.Kind)
}

func (s *search) day(day time.Time) error {
	parts := make([]string, logShards)
	for i := range parts {
		parts[i] = logPart(day, i)
	}
	if err := s.tx.Load(logs.Keys(parts...)...); err != nil {
		return err
	}
	for _, part := range parts {
		if err := s.part(part); err != nil {
			return err
		}
	}
	return nil
}

// part adds what a part of a day has. It reads closed pages, from the newest,
// as long as they may hold something newer than the last that is needed.
func (s *search) part(part string) error {
	h, ok, err := logs.Get(s.tx, part)
	if err != nil || !ok {
		return err
	}
	s.add(h.Open)
	for n := len(h.Closed) - 1; n >= 0; n-- {
		b := h.Closed[n]
		if b.Oldest > s.from.At || b.Newest < s.oldest || s.q.Kind != "" && !slices.Contains(b.Kinds, s.q.Kind) {
			continue
		}
		if len(s.found) >= s.need && b.Newest < s.found[s.need-1].At {
			continue
		}
		p, _, err := logPages.Get(s.tx, logPageID(part, n))
		if err != nil {
			return err
		}
		s.add(p.Pointers)
	}
	return nil
}

func (s *search) add(list []pointer) {
	for _, p := range list {
		if s.wants(p) {
			s.found = append(s.found, p)
		}
	}
	slices.SortFunc(s.found, func(a, b pointer) int { return a.compare(b.At, b.ID) })
	s.found = s.found[:min(len(s.found), s.need)]
}

// resolve reads the records; a pointer to none, left by a commit that was kept
// in part, is left out.
func resolve(tx *state.Tx, found []pointer) ([]audit.Record, error) {
	var keys []string
	for _, p := range found {
		keys = append(keys, trails.Key(trailOf(p.UserID)), trailPages.Key(trailPage(p.UserID, p.Page)))
	}
	if err := tx.Load(keys...); err != nil {
		return nil, err
	}
	out := make([]audit.Record, 0, len(found))
	for _, p := range found {
		t, _, err := trails.Get(tx, trailOf(p.UserID))
		if err != nil {
			return nil, err
		}
		in := t.Page
		if p.Page < t.Closed {
			if in, _, err = trailPages.Get(tx, trailPage(p.UserID, p.Page)); err != nil {
				return nil, err
			}
		}
		for _, r := range t.Read(p.UserID, in) {
			if r.ID == p.ID {
				out = append(out, r)
			}
		}
	}
	return out, nil
}
