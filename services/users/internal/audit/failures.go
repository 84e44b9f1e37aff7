package audit

import (
	"context"
	"strconv"
	"sync"
	"time"
)

// Bounds of what failed sign-ins leave in the trail.
const (
	failureWindow   = time.Hour
	failureAccounts = 300 // in a window; the others are summed up as one
)

// Failures sums up failed sign-ins in this replica, so that an attacker can
// fill neither store nor memory. For each account there are at most two records
// in an hour: one of the first failure, at once, and one of how many followed.
// Those of unknown e-mails, and of accounts beyond 300 in an hour, share the two
// records of no account. It writes apart from the request, whose time must not
// tell whether there is an account.
type Failures struct {
	mu     sync.Mutex
	now    func() time.Time
	bursts map[string]*burst // by account; "": none
	oldest time.Time         // when the first of them began
	due    []Record
}

// burst is the failures of an account since the first that was recorded.
type burst struct {
	began time.Time
	more  int
	last  Record
}

// NewFailures gives an empty sum.
func NewFailures(now func() time.Time) *Failures {
	return &Failures{now: now, bursts: map[string]*burst{}}
}

// Add counts a failed sign-in to an account, "" for an unknown e-mail.
func (f *Failures) Add(ctx context.Context, userID, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	f.end(now, false)
	if f.bursts[userID] == nil && len(f.bursts) >= failureAccounts {
		userID = ""
	}
	r := From(ctx).record(userID, Event{Kind: SignInFailed, Detail: map[string]string{"reason": reason, "count": "1"}})
	r.ID, r.At = newID(), moment(now)
	if b := f.bursts[userID]; b != nil {
		b.more, b.last = b.more+1, r
		return
	}
	if len(f.bursts) == 0 {
		f.oldest = now
	}
	f.bursts[userID] = &burst{began: now}
	f.due = append(f.due, r)
}

// end makes the sums of bursts whose hour is over, or of all. f.mu is held.
func (f *Failures) end(now time.Time, all bool) {
	if !all && now.Sub(f.oldest) < failureWindow {
		return
	}
	f.oldest = now
	for id, b := range f.bursts {
		if !all && now.Sub(b.began) < failureWindow {
			if b.began.Before(f.oldest) {
				f.oldest = b.began
			}
			continue
		}
		delete(f.bursts, id)
		if b.more > 0 {
			b.last.Detail["count"], b.last.Detail["since"] = strconv.Itoa(b.more), moment(b.began).Format(time.RFC3339)
			f.due = append(f.due, b.last)
		}
	}
}

// Flush hands what is due to write, and keeps what could not be written for
// the next time. final also hands on the sums of hours that are not over.
func (f *Failures) Flush(ctx context.Context, final bool, write func(context.Context, ...Record) error) error {
	f.mu.Lock()
	f.end(f.now(), final)
	due := f.due
	f.due = nil
	f.mu.Unlock()
	for i, r := range due {
		if err := write(ctx, r); err != nil {
			f.mu.Lock()
			f.due = append(due[i:], f.due...)
			f.mu.Unlock()
			return err
		}
	}
	return nil
}
