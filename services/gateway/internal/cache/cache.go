// Package cache answers public reads from memory for a moment: of all who ask
// for the same path and query within that time, one causes a call to the app.
//
// Age. An answer is given out for at most its route's time, counted from when
// its fetch began, whether it is kept already or still being fetched. The app's
// own view may be about a second old when it answers (the read model of the
// catalog follows the store that far behind), and a route's time is a second at
// most (package route): together a guest sees what is less than two seconds
// old, the promise of the shop. Staff send a token and always read fresh.
package cache

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"tienda/internal/caller"
	"tienda/internal/trace"
	"tienda/services/gateway/internal/forward"
	"tienda/services/gateway/internal/route"
)

// The bounds of what is kept, in bytes: all of it, by default, and the body of
// one answer. overhead stands for what an entry costs besides its texts.
const (
	DefaultSize = 32 << 20
	largestBody = 256 << 10
	overhead    = 512
	mostFetches = 256 // at once
)

// Origin is where answers come from: the forwarder.
type Origin interface {
	Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error
	Fetch(ctx context.Context, to *route.Route, u *url.URL, language string, t trace.Trace, limit int64) (*forward.Answer, error)
}

// Cache stands in front of an Origin. What it must not keep it passes on.
type Cache struct {
	origin Origin
	size   int // bytes
	now    func() time.Time

	mu      sync.Mutex
	entries map[key]*entry // kept, and being fetched
	kept    *list.List     // the last used first
	used    int            // bytes of what is kept
	asking  int            // fetches under way

	hits, misses, passed atomic.Int64
}

// Stats says what became of requests, and how full the cache is.
type Stats struct {
	Hits   int64 // answered from memory, or from a fetch under way
	Misses int64 // fetches
	Passed int64 // not for the cache
	Bytes  int   // of what is kept
}

// Stats says how the cache stands.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Stats{Hits: c.hits.Load(), Misses: c.misses.Load(), Passed: c.passed.Load(), Bytes: c.used}
}

// key is what an answer depends on. The language is one of the route table's, or
// none, so that a client cannot make the cache keep more of an address.
type key struct {
	path, query, language string
	from                  *route.Upstream // nil: the app
}

// entry is the answer for a key, or the wait for it.
type entry struct {
	key   key
	began time.Time
	// Guarded by the cache's mutex.
	place *list.Element // nil: not kept
	bytes int

	done chan struct{} // closed once what follows is set
	found
}

// New gives a cache of size bytes.
func New(origin Origin, size int, now func() time.Time) *Cache {
	return &Cache{origin: origin, size: size, now: now, entries: map[key]*entry{}, kept: list.New()}
}

// Forward answers r from memory where its route and r allow that, and passes
// it on otherwise. An error means that nothing was written.
func (c *Cache) Forward(w http.ResponseWriter, r *http.Request, to *route.Route, who caller.Caller, t trace.Trace) error {
	if to.Cache <= 0 || !shareable(r) {
		c.passed.Add(1)
		return c.origin.Forward(w, r, to, who, t)
	}
	e, mine := c.entry(key{r.URL.Path, r.URL.RawQuery, r.Header.Get("Accept-Language"), to.Upstream}, to.Cache)
	switch {
	case e == nil:
		c.passed.Add(1)
		return c.origin.Forward(w, r, to, who, t)
	case !mine:
		c.hits.Add(1)
	default:
		c.misses.Add(1)
		// Others may wait for it: it goes on when this client leaves.
		go c.fetch(context.WithoutCancel(r.Context()), e, to, t)
	}
	select {
	case <-e.done:
	default:
		select {
		case <-e.done:
		case <-r.Context().Done():
			return forward.ErrGone
		}
	}
	switch {
	case errors.Is(e.err, errNotShared):
		return c.origin.Forward(w, r, to, who, t)
	case e.err != nil:
		return e.err
	}
	e.write(w, r, t)
	return nil
}

// shareable says that the answer to r can depend on its path, query and language
// only.
func shareable(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.ContentLength == 0 && len(r.Header["Authorization"]) == 0
}

// entry gives the entry of a key that is young enough; mine says that it is
// new, and the caller's to fill. None: so many fetches are under way, which
// outlive their clients, that another must not be begun.
func (c *Cache) entry(k key, life time.Duration) (e *entry, mine bool) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if e = c.entries[k]; e != nil {
		if now.Sub(e.began) < life {
			if e.place != nil {
				c.kept.MoveToFront(e.place)
			}
			return e, false
		}
		c.remove(e)
	}
	if c.asking >= mostFetches {
		return nil, false
	}
	c.asking++
	// The texts of a request are parts of a larger one.
	k = key{strings.Clone(k.path), strings.Clone(k.query), strings.Clone(k.language), k.from}
	e = &entry{key: k, began: now, done: make(chan struct{})}
	c.entries[k] = e
	return e, true
}

// fetch fills the entry, and keeps it if it is worth it.
func (c *Cache) fetch(ctx context.Context, e *entry, to *route.Route, t trace.Trace) {
	defer close(e.done)
	e.found = c.ask(ctx, e.key, to, t)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asking--
	if c.entries[e.key] != e { // it took longer than its life, and was replaced
		return
	}
	if e.err != nil || e.answer.Status != http.StatusOK {
		delete(c.entries, e.key)
		return
	}
	e.bytes = overhead + len(e.key.path) + len(e.key.query) + len(e.key.language) + e.weight()
	e.place = c.kept.PushFront(e)
	c.used += e.bytes
	for c.used > c.size {
		c.remove(c.kept.Back().Value.(*entry))
	}
}

// ask fetches the answer. A panic becomes an error: nobody up this goroutine
// would turn it into one.
func (c *Cache) ask(ctx context.Context, k key, to *route.Route, t trace.Trace) (f found) {
	defer func() {
		if p := recover(); p != nil {
			f = found{err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
		}
	}()
	answer, err := c.origin.Fetch(ctx, to, &url.URL{Path: k.path, RawQuery: k.query}, k.language, t, largestBody)
	switch {
	case errors.Is(err, forward.ErrLarge) || err == nil && private(answer.Header):
		return found{err: errNotShared}
	case err != nil:
		return found{err: err}
	}
	return newFound(answer, t.RequestID)
}

// Forget drops all that is kept, and what is being fetched: nobody who asks from now on
// gets it.
func (c *Cache) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.entries)
	c.kept.Init()
	c.used = 0
}

// remove forgets an entry; who waits for it still gets it.
func (c *Cache) remove(e *entry) {
	delete(c.entries, e.key)
	if e.place != nil {
		c.kept.Remove(e.place)
		c.used -= e.bytes
		e.place = nil
	}
}
