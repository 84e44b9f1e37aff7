// Package handover is what a cut-over needs of everything around it: the routing of the
// gateways, the mover of the way there and the writer of the way back, and what compares
// both sides.
package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"tienda/services/migration/internal/reverse"
)

// Outbox is what a replica of an owner has to announce, and has announced.
type Outbox struct {
	Replica  string   `json:"replica"`  // its journal; "": none yet
	Commits  int      `json:"commits"`  // not announced yet
	Journals []string `json:"journals"` // of all replicas
	Process  string   `json:"process"`
	Last     int64    `json:"last"`  // number of its last announcement
	After    int64    `json:"after"` // number of the last of Changes
	Lost     bool     `json:"lost"`  // it does not remember all after the number that was asked for
	// Announces says whether the app announces changes of documents at all.
	Announces bool   `json:"announces"`
	Changes   []News `json:"changes"`
	// News are the events among them that others have to hear of, as they were announced.
	News []json.RawMessage `json:"news"`
	// Unsettled are documents that somebody has to go on with: more will be committed of them.
	Unsettled []string `json:"unsettled"`
}

// News is that of a changed document.
type News struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
}

// Outboxes asks a replica of an app, whichever answers, what it has to announce and what
// it has announced after a number of one of its processes.
type Outboxes interface {
	Outbox(ctx context.Context, app, process string, after int64) (Outbox, error)
}

// Feed knows what the owners have announced, without waiting for a broker: the broker
// delivers each change at some time, and a hand-over has to know that it has all.
//
// Each process of an owner numbers what it announces. Begin notes the numbers, and all is
// compared after it; All then gives every change since, once each replica that there is
// has said that nothing it has committed is left to be announced. A process that has gone
// meanwhile took its numbers along: that is an error, and the try is made again.
type Feed struct {
	outboxes Outboxes

	mu    sync.Mutex
	known map[string]map[string]int64 // last number that was taken, by app and process
}

// NewFeed gives a feed that knows nothing yet.
func NewFeed(o Outboxes) *Feed { return &Feed{outboxes: o, known: map[string]map[string]int64{}} }

// errGone says that a replica has ended whose announcements were not all seen.
var errGone = errors.New("a replica of the app has ended meanwhile: what it announced last is not known")

// ErrSilent says that an app announces no changes.
var ErrSilent = errors.New("it announces no changes of documents: it runs without TIENDA_REVERSE=1")

// mostAsked bounds how many calls it may take to hear every replica: each call reaches
// whichever the sidecar chooses.
const mostAsked = 200

// Check says whether all replicas of an app answer, and announce; nothing is noted.
func (f *Feed) Check(ctx context.Context, app string) error {
	silent := false
	_, err := f.round(ctx, app, func(o Outbox) (process string, after int64) {
		silent = silent || !o.Announces
		return "", 0
	})
	if err == nil && silent {
		err = fmt.Errorf("%s: %w", app, ErrSilent)
	}
	return err
}

// Begin notes what the replicas of an app have announced so far. The last so many before that
// are given all the same, unless they were given before.
func (f *Feed) Begin(ctx context.Context, app string, before int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := map[string]int64{}
	silent := false
	_, err := f.round(ctx, app, func(o Outbox) (process string, after int64) {
		silent = silent || !o.Announces
		if _, was := known[o.Process]; !was {
			known[o.Process] = max(o.Last-before, 0)
			if taken, again := f.known[app][o.Process]; again && before > 0 {
				known[o.Process] = max(known[o.Process], min(taken, o.Last))
			}
		}
		return "", 0
	})
	if err == nil && silent {
		err = fmt.Errorf("%s: %w", app, ErrSilent)
	}
	if err == nil {
		f.known[app] = known
	}
	return err
}

// Begun says whether Begin was done for an app.
func (f *Feed) Begun(app string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known[app] != nil
}

// Take takes changes that were announced, and the events that others have to hear of.
type Take func(changes []reverse.Change, news []json.RawMessage) error

// UnsettledError says that more will be committed of documents by itself.
type UnsettledError struct {
	App string
	IDs []string
}

func (e *UnsettledError) Error() string {
	return fmt.Sprintf("%d %s are not settled, the first is %s: a checkout is under way, or the payment provider or an exchange is waited for", len(e.IDs), e.App, e.IDs[0])
}

// All gives the changes that an app has announced since Begin, or since All before; whole
// says that no replica has any left to announce. What it gives is not given again: take
// says that it was taken.
func (f *Feed) All(ctx context.Context, app string, take Take) (whole bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.known[app]
	if known == nil {
		return false, fmt.Errorf("%s: nothing was begun", app)
	}
	var failed error
	seen := map[string]bool{}
	var unsettled []string
	idle, err := f.round(ctx, app, func(o Outbox) (string, int64) {
		if len(o.Unsettled) > 0 {
			unsettled = o.Unsettled
		}
		at := known[o.Process] // 0 for a new one: all that it has announced
		switch {
		case o.Lost:
			failed = errGone
		case o.After > at && o.After <= o.Last:
			changes := make([]reverse.Change, len(o.Changes))
			for i, c := range o.Changes {
				changes[i] = reverse.Change(c)
			}
			if failed = take(changes, o.News); failed == nil {
				at = o.After
			}
		}
		known[o.Process] = at
		seen[o.Process] = true
		if failed != nil || at >= o.Last {
			return "", 0
		}
		return o.Process, at
	})
	switch {
	case failed != nil:
		return false, fmt.Errorf("%s: %w", app, failed)
	case err != nil:
		return false, err
	}
	for process := range known {
		if !seen[process] {
			return false, fmt.Errorf("%s: %w", app, errGone)
		}
	}
	if len(unsettled) > 0 {
		return false, &UnsettledError{app, unsettled}
	}
	return idle, nil
}

// Lately is All where a comparison is still to come: what a replica took along that has ended
// is left to that, and the numbers are noted anew, as Begin does.
func (f *Feed) Lately(ctx context.Context, app string, before int64, take Take) (whole bool, err error) {
	whole, err = f.All(ctx, app, take)
	if errors.Is(err, errGone) {
		return false, f.Begin(ctx, app, before)
	}
	return whole, err
}

// round asks until every replica has answered. each says whether more is wanted of the
// process that has answered, and after which number. idle says that none has commits to
// announce. Whoever answers is chance: one of whom more is wanted is asked for until it is
// the one.
func (f *Feed) round(ctx context.Context, app string, each func(Outbox) (process string, after int64)) (idle bool, err error) {
	idle = true
	heard, numbers := map[string]bool{}, map[string]int64{}
	var wanted []string // processes
	for range mostAsked {
		ask := ""
		if len(wanted) > 0 {
			ask = wanted[0]
		}
		o, err := f.outboxes.Outbox(ctx, app, ask, numbers[ask])
		if err != nil {
			return false, fmt.Errorf("outbox of %s: %w", app, err)
		}
		if !heard[o.Replica] {
			process, after := each(o)
			wanted = slices.DeleteFunc(wanted, func(p string) bool { return p == o.Process && process == "" })
			if process != "" && !slices.Contains(wanted, process) {
				wanted = append(wanted, process)
			}
			numbers[o.Process] = after
			heard[o.Replica] = process == ""
			idle = idle && (process != "" || o.Commits == 0)
		}
		if len(wanted) == 0 && !slices.ContainsFunc(o.Journals, func(id string) bool { return !heard[id] }) {
			return idle, nil
		}
	}
	return false, fmt.Errorf("not every replica of %s answers", app)
}
