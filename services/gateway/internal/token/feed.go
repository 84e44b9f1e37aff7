package token

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// How the users app is asked what tokens are no longer good. A question that
// hangs does not hold up the next: so a replica of users that stands still costs
// no time while another one answers.
const (
	pollEvery  = time.Second
	pollLimit  = 5 * time.Second
	mostAtOnce = 4
)

// News is what the users app answers.
type News struct {
	Now      string   `json:"now"`      // to be sent as since next time
	Sessions []string `json:"sessions"` // revoked
	Keys     []string `json:"keys"`     // the kids that tokens may be signed with
}

// Ask asks for what has happened since an earlier answer; "": for all that
// matters.
type Ask func(ctx context.Context, since string) (News, error)

// Feed follows which sessions are revoked and which keys there are, each replica
// of the gateway by itself. While the users app is away it goes on with what it
// knows: without users no token is issued or renewed, so that the last one ends
// within its ten minutes.
type Feed struct {
	ask  Ask
	keys *Keys
	now  func() time.Time
	log  *slog.Logger

	mu       sync.RWMutex
	revoked  generations
	since    string
	asked    int       // number of the last question
	answered int       // number of the newest question that was answered; 0: none
	last     time.Time // when that one was asked; before the first: when the feed was made
	failures int64
	failing  bool
}

// NewFeed gives a feed that has nothing yet; Part fills it.
func NewFeed(ask Ask, keys *Keys, now func() time.Time, log *slog.Logger) *Feed {
	return &Feed{ask: ask, keys: keys, now: now, log: log, last: now(), revoked: newGenerations(now())}
}

// Ready gives nil once the feed knows what was revoked before it began.
func (f *Feed) Ready(context.Context) error {
	f.mu.RLock()
	defer f.mu.RUnlock()
	if f.answered == 0 {
		return errors.New("the revoked sessions are not read yet")
	}
	return nil
}

// Revoked says whether a session is known to have ended.
func (f *Feed) Revoked(session string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.revoked.has(session)
}

// Age is how old the feed's knowledge is; what was revoked later may be missing.
func (f *Feed) Age() time.Duration {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.now().Sub(f.last)
}

// Part asks once a second until ctx ends.
func (f *Feed) Part(ctx context.Context) error {
	var asking sync.WaitGroup
	defer asking.Wait()
	turns := make(chan struct{}, mostAtOnce)
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	for {
		select {
		case turns <- struct{}{}:
			asking.Go(func() {
				defer func() { <-turns }()
				f.note(ctx, f.poll(ctx))
			})
		default: // they all hang: one ends within pollLimit
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// poll asks once and takes the answer in.
func (f *Feed) poll(ctx context.Context) error {
	f.mu.Lock()
	f.asked++
	number, since, began := f.asked, f.since, f.now()
	f.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, pollLimit)
	defer cancel()
	news, err := f.ask(ctx, since)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.revoked.add(news.Sessions, f.now())
	newest := number > f.answered
	if newest {
		f.answered, f.since, f.last = number, news.Now, began
	}
	f.mu.Unlock()
	if !newest {
		return nil // it was overtaken: its keys may be old
	}
	return f.keys.follow(ctx, news.Keys)
}

// note logs when the feed begins to fail, and when it goes on.
func (f *Feed) note(ctx context.Context, err error) {
	if ctx.Err() != nil {
		return
	}
	f.mu.Lock()
	was, before := f.failing, f.answered > 0
	if f.failing = err != nil; err != nil {
		f.failures++
	}
	f.mu.Unlock()
	switch {
	case err != nil && !was && before: // before the first answer it is an app that is not up yet
		f.log.WarnContext(ctx, "revoked sessions cannot be asked for, going on with what is known", "error", err)
	case err == nil && was:
		f.log.InfoContext(ctx, "revoked sessions are known again")
	}
}

// keep is how long a session stays known as revoked: no token of it can be good
// for longer. Some stay for twice as long.
const keep = longestLife + time.Minute

// generations is a set whose members go after a while, some later than others.
type generations struct {
	young, old map[string]struct{}
	began      time.Time // of young
}

func newGenerations(now time.Time) generations {
	return generations{young: map[string]struct{}{}, began: now}
}

func (g *generations) has(id string) bool {
	if _, ok := g.young[id]; ok {
		return true
	}
	_, ok := g.old[id]
	return ok
}

func (g *generations) add(ids []string, now time.Time) {
	if now.Sub(g.began) >= keep {
		g.young, g.old, g.began = map[string]struct{}{}, g.young, now
	}
	for _, id := range ids {
		if !g.has(id) {
			g.young[id] = struct{}{}
		}
	}
}

func (g *generations) size() int { return len(g.young) + len(g.old) }
