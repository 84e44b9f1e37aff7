package token

import (
	"container/list"
	"crypto/sha256"
	"sync"
	"time"

	"tienda/internal/caller"
)

// remembered is how many verified tokens are kept, the least recently used
// going first. One costs about 400 bytes.
const remembered = 10_000

type digest = [sha256.Size]byte

// cache remembers verified tokens by their digest until they expire: a check
// of a signature costs 60 microseconds, a look here one.
type cache struct {
	mu    sync.Mutex
	max   int
	byKey map[digest]*list.Element
	order *list.List // of *entry, the most recently used first
}

type entry struct {
	key     digest
	who     caller.Caller
	expires time.Time
}

func newCache(size int) *cache {
	return &cache{max: size, byKey: map[digest]*list.Element{}, order: list.New()}
}

func (c *cache) get(key digest, now time.Time) (caller.Caller, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return caller.Caller{}, false
	}
	v := e.Value.(*entry)
	if !now.Before(v.expires) {
		c.order.Remove(e)
		delete(c.byKey, key)
		return caller.Caller{}, false
	}
	c.order.MoveToFront(e)
	return v.who, true
}

func (c *cache) put(key digest, who caller.Caller, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok {
		return
	}
	c.byKey[key] = c.order.PushFront(&entry{key, who, expires})
	if c.order.Len() > c.max {
		oldest := c.order.Back()
		c.order.Remove(oldest)
		delete(c.byKey, oldest.Value.(*entry).key)
	}
}
