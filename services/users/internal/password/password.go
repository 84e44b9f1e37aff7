// Package password hashes passwords with argon2id at the parameters that
// OWASP's Password Storage Cheat Sheet gives (19 MiB, 2 passes, 1 lane).
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
	"time"

	"golang.org/x/crypto/argon2"
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
	// Bounds of the parameters of a stored hash, against a damaged one.
	maxMemoryKiB = 256 << 10
	maxPasses    = 16
)

// ErrBusy is what Hash and Matches answer when their turn does not come.
var ErrBusy = fault.New(fault.Unavailable, "busy", "Too many people sign in at once. Try again.")

var errForm = errors.New("password: not an argon2id hash in PHC form")

// Hasher makes and checks hashes, no more at once than there are processors.
// Safe for concurrent use.
type Hasher struct {
	params Params
	turn   chan struct{}
	dummy  string // of no password, to spend the time of a check on nobody
}

// New gives a hasher with the costs of new hashes; existing hashes are checked
// with their own.
func New(p Params) *Hasher {
	h := &Hasher{params: p, turn: make(chan struct{}, runtime.GOMAXPROCS(0))}
	salt := make([]byte, saltBytes)
	h.dummy = encode(p, salt, make([]byte, keyBytes))
	return h
}

// Hash gives the PHC string of a password. The error is ErrBusy or ctx's.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	if err := h.wait(ctx); err != nil {
		return "", err
	}
	defer h.done()
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails since Go 1.24
	return encode(h.params, salt, key(h.params, password, salt, keyBytes)), nil
}

// Matches says whether the hash is the password's. For an empty hash it does
// the work of a check and says no, so that the time tells nothing.
func (h *Hasher) Matches(ctx context.Context, hash, password string) (bool, error) {
	known := hash != ""
	if !known {
		hash = h.dummy
	}
	p, salt, want, err := decode(hash)
	if err != nil {
		return false, err
	}
	if err := h.wait(ctx); err != nil {
		return false, err
	}
	defer h.done()
	got := key(p, password, salt, uint32(len(want))) //nolint:gosec // decode bounds it
	return subtle.ConstantTimeCompare(got, want) == 1 && known, nil
}

func (h *Hasher) wait(ctx context.Context) error {
	limit := time.NewTimer(waitLimit)
	defer limit.Stop()
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-limit.C:
		return ErrBusy
	case <-ctx.Done():
		return ErrBusy.Because(ctx.Err())
	}
}

func (h *Hasher) done() { <-h.turn }

// key derives from the NFC form: the same password typed on two systems may
// come in two spellings.
func key(p Params, password string, salt []byte, n uint32) []byte {
	return argon2.IDKey(norm.NFC.Bytes([]byte(password)), salt, p.Passes, p.MemoryKiB, p.Lanes, n)
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
