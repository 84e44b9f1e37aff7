package statestore

import (
	"context"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"tienda/internal/origin/intake"
	"tienda/internal/state"
	"tienda/services/users/internal/account"
)

// maxHashes is how many hashes wait for their accounts to be stored.
const maxHashes = 10_000

// hashes are those that were made for accounts that are not stored yet: a batch that takes
// longer than its sender waits goes on, when it is sent again, where it was.
type hashes struct {
	mu   sync.Mutex
	made map[string]map[string]string // by account and digest
	n    int
}

func (h *hashes) get(id, digest string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.made[id][digest]
}

func (h *hashes) put(id, digest, hash string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n >= maxHashes || h.made == nil {
		h.made, h.n = map[string]map[string]string{}, 0
	}
	if h.made[id] == nil {
		h.made[id] = map[string]string{}
	}
	h.made[id][digest] = hash
	h.n++
}

func (h *hashes) drop(ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range ids {
		h.n -= len(h.made[id])
		delete(h.made, id)
	}
}

// prepare hashes the passwords that are not here yet, as many at a time as there are
// processors.
func (m *moving) prepare(ctx context.Context, docs []intake.Document[account.Moved]) ([]error, error) {
	refused, times := make([]error, len(docs)), map[string]int{}
	var ids []string
	for i := range docs {
		d := &docs[i]
		d.Value = d.Value.Prepared(d.Source, "")
		times[d.ID]++
		if d.Value.PasswordHash == nil {
			continue
		}
		if refused[i] = d.Value.PasswordHash.Legacy().Check(); refused[i] == nil {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return refused, nil
	}
	there, err := m.load(ctx, ids)
	if err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range docs {
		d := &docs[i]
		// One that comes twice may change the password there and back.
		if refused[i] != nil || d.Value.PasswordHash == nil || times[d.ID] == 1 && !d.Value.NeedsHash(there[d.ID]) {
			continue
		}
		g.Go(func() error { return m.hash(ctx, d) })
	}
	return refused, g.Wait()
}

// hash gives the document its hash, which may have been made before.
func (m *moving) hash(ctx context.Context, d *intake.Document[account.Moved]) error {
	digest := d.Value.PasswordDigest
	hash := m.hashes.get(d.ID, digest)
	if hash == "" {
		if err := ctx.Err(); err != nil {
			return state.ErrBusy.Because(err)
		}
		var err error
		if hash, err = m.wrap(ctx, d.Value.PasswordHash.Legacy()); err != nil {
			return err
		}
		m.hashes.put(d.ID, digest, hash)
	}
	d.Value = d.Value.Prepared(d.Source, hash)
	return nil
}

// load reads accounts as they are.
func (m *moving) load(ctx context.Context, ids []string) (map[string]account.User, error) {
	there := map[string]account.User{}
	err := m.db.View(ctx, func(tx *state.Tx) error {
		found, err := users.GetAll(tx, ids...)
		for _, u := range found {
			there[u.ID] = u
		}
		return err
	})
	return there, err
}
