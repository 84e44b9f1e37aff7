// Package password hashes passwords with argon2id at the parameters that
// OWASP's Password Storage Cheat Sheet gives (19 MiB, 2 passes, 1 lane), and
// keeps the hashes of other systems wrapped in such ones.
package password

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"
	"golang.org/x/text/unicode/norm"

	"tienda/internal/fault"
)

// Params are argon2id's costs.
type Params struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// OWASP are the parameters of new hashes.
var OWASP = Params{MemoryKiB: 19 << 10, Passes: 2, Lanes: 1}

const (
	saltBytes = 16
	keyBytes  = 32
	// waitLimit is how long a hash waits for its turn before the caller is
	// asked to come again: a queue of sign-ins must not eat all memory.
	waitLimit = 5 * time.Second
	// waitersATurn bounds the queue: one of OWASP's hashes takes some 25 ms, so
	// that who stands further back would not get a turn in waitLimit.
	waitersATurn = 200
	// Bounds of the parameters of a stored hash, against a damaged one.
	maxMemoryKiB = 256 << 10
	maxPasses    = 16
)

// ErrBusy is what Hash and Matches answer when their turn does not come.
var ErrBusy = fault.New(fault.Unavailable, "busy", "Too many people sign in at once. Try again.")

var errForm = errors.New("password: not a hash of a known form")

// Hasher makes and checks hashes. What is under way at once has no more memory
// than its budget, and no more turns than there are processors; the rest
// waits, for 5 s at most. Safe for concurrent use.
type Hasher struct {
	params  Params
	budget  int // MiB
	floor   time.Duration
	turns   *semaphore.Weighted // in KiB
	memory  int64               // of turns, in KiB
	waiting atomic.Int64
	longest int64  // queue
	dummy   string // of no password, to spend the time of a check on nobody
}

// Option changes a Hasher from its defaults.
type Option func(*Hasher)

// Budget is how many MiB the hashes under way may have together; 512 by
// default. A single stored hash that asks for more runs alone.
func Budget(mib int) Option { return func(h *Hasher) { h.budget = mib } }

// Floor is how long a check that fails takes at least once it has its turn, so
// that the time does not tell which hash an account has. It is waited, not
// worked. 0 by default.
func Floor(d time.Duration) Option { return func(h *Hasher) { h.floor = d } }

// DefaultFloor is the Floor of a shop. The slowest hash that Wrap takes is
// checked in half of it.
const DefaultFloor = 500 * time.Millisecond

// New gives a hasher with the costs of new hashes; existing hashes are checked
// with their own.
func New(p Params, options ...Option) *Hasher {
	h := &Hasher{params: p, budget: 512}
	for _, o := range options {
		o(h)
	}
	turns := min(int64(runtime.GOMAXPROCS(0)), int64(h.budget)<<10/int64(p.MemoryKiB))
	turns = max(turns, 1)
	h.memory, h.longest = turns*int64(p.MemoryKiB), turns*waitersATurn
	h.turns = semaphore.NewWeighted(h.memory)
	h.dummy = encode(p, make([]byte, saltBytes), make([]byte, keyBytes))
	return h
}

// Hash gives the PHC string of a password. The error is ErrBusy or ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	return h.seal(ctx, normal(password))
}

// seal hashes what may be a password or the sum of one.
func (h *Hasher) seal(ctx context.Context, secret []byte) (string, error) {
	done, err := h.wait(ctx, h.params)
	if err != nil {
		return "", err
	}
	defer done()
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	return encode(h.params, salt, key(h.params, secret, salt, keyBytes)), nil
}

// Matches says whether the hash is the password's. For an empty hash it does
// the work of a check and says no, so that the time tells nothing.
func (h *Hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	wrap, phc, err := unwrap(hash)
	if err != nil {
		return false, err
	}
	p, salt, want, err := decode(phc)
	if err != nil {
		return false, err
	}
	done, err := h.wait(ctx, p)
	if err != nil {
		return false, err
	}
	start := time.Now()
	secret := normal(password)
	if wrap != nil {
		secret = wrap.sum(password)
	}
	got := key(p, secret, salt, uint32(len(want))) //nolint:gosec // decode bounds it
	done()
	if subtle.ConstantTimeCompare(got, want) == 1 && known {
		return true, nil
	}
	return false, pause(ctx, h.floor-time.Since(start))
}

// Outdated says whether a hash is another one than Hash would make now: of
// other parameters, or wrapped around one of another system.
func (h *Hasher) Outdated(hash string) bool {
	wrap, phc, err := unwrap(hash)
	if err != nil || wrap != nil {
		return true
	}
	p, salt, sum, err := decode(phc)
	return err != nil || p != h.params || len(salt) < saltBytes || len(sum) < keyBytes
}

// wait gives a turn with the memory that p takes, and how to end it.
func (h *Hasher) wait(ctx context.Context, p Params) (done func(), err error) {
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > h.longest {
		return nil, ErrBusy
	}
	weight := min(int64(max(p.MemoryKiB, h.params.MemoryKiB)), h.memory)
	limited, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	if err := h.turns.Acquire(limited, weight); err != nil {
		return nil, ErrBusy.Because(err)
	}
	return func() { h.turns.Release(weight) }, nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ErrBusy.Because(ctx.Err())
	}
}

// normal gives the form of a password that is hashed, Unicode's NFC as in RFC
// 8265: the same password typed on two systems may come in two spellings.
func normal(password string) []byte { return norm.NFC.Bytes([]byte(password)) }

func key(p Params, secret, salt []byte, n uint32) []byte {
	return argon2.IDKey(secret, salt, p.Passes, p.MemoryKiB, p.Lanes, n)
}

func encode(p Params, salt, sum []byte) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.MemoryKiB, p.Passes, p.Lanes, b64(salt), b64(sum))
}

func decode(phc string) (p Params, salt, sum []byte, err error) {
	parts := strings.Split(phc, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, nil, nil, errForm
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.MemoryKiB, &p.Passes, &p.Lanes); err != nil {
		return p, nil, nil, errForm
	}
	if p.MemoryKiB == 0 || p.MemoryKiB > maxMemoryKiB || p.Passes == 0 || p.Passes > maxPasses || p.Lanes == 0 {
		return p, nil, nil, errForm
	}
	salt, err = base64.RawStdEncoding.DecodeString(parts[4])
	if err == nil {
		sum, err = base64.RawStdEncoding.DecodeString(parts[5])
	}
	if err != nil || len(salt) < 8 || len(sum) < 16 || len(sum) > 64 {
		return p, nil, nil, errForm
	}
	return p, salt, sum, nil
}
