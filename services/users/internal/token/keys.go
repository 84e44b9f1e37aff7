package token

import (
	"crypto/ed25519"
	"slices"
	"time"

	"tienda/internal/fault"
)

// State is what a signing key is for at a moment.
type State string

// The states, in the order in which a key passes them.
const (
	Next     State = "next"     // published, so that everybody knows it before it signs
	Active   State = "active"   // signs
	Retiring State = "retiring" // signs no more; its last tokens are still good
	Gone     State = "gone"     // neither published nor taken
)

// After its last token has expired a key stays published for this long: clocks
// differ, and who checks tokens allows for that.
const afterLife = time.Minute

// maxKeys bounds the set, whatever is asked for.
const maxKeys = 10

// ErrRotating refuses a rotation while the key of the last one waits.
var ErrRotating = fault.New(fault.Conflict, "rotation_under_way", "A new key is published already and will sign soon.")

// SigningKey is one key as it is stored. Its state follows from the times, so
// that nothing has to be written at the moment when it changes, and every
// replica sees it change at once.
type SigningKey struct {
	ID         string            `json:"kid"` // RFC 7638 thumbprint
	Public     ed25519.PublicKey `json:"public"`
	Sealed     string            `json:"sealed"` // the private half: a JWE, see Sealer
	CreatedAt  time.Time         `json:"created_at"`
	SignsFrom  time.Time         `json:"signs_from"`
	SignsUntil *time.Time        `json:"signs_until,omitempty"` // nil: until another is made
	RemovedAt  *time.Time        `json:"removed_at,omitempty"`  // when its last token has expired
}

// State gives what the key is for.
func (k SigningKey) State(now time.Time) State {
	switch {
	case now.Before(k.SignsFrom):
		return Next
	case k.SignsUntil == nil || now.Before(*k.SignsUntil):
		return Active
	case now.Before(*k.RemovedAt):
		return Retiring
	}
	return Gone
}

// Keys are all keys, oldest first: one document.
type Keys struct {
	Keys []SigningKey `json:"keys"`
}

// published gives the keys that tokens may be checked with.
func (k Keys) published(now time.Time) []SigningKey {
	return slices.DeleteFunc(slices.Clone(k.Keys), func(k SigningKey) bool { return k.State(now) == Gone })
}

// due says whether it is time for the next key: so early that it signs when
// the newest has signed for the time of a rotation.
func (k Keys) due(c Config, now time.Time) bool {
	if len(k.Keys) == 0 {
		return true
	}
	newest := k.Keys[len(k.Keys)-1]
	return newest.SignsUntil == nil && !now.Before(newest.SignsFrom.Add(c.Rotation-c.Overlap))
}

// add publishes a key and has it sign after the overlap; the first one signs at
// once. ErrRotating while another one waits.
func (k *Keys) add(c Config, fresh SigningKey, now time.Time) error {
	now = now.UTC()
	k.Keys = k.published(now)
	fresh.CreatedAt, fresh.SignsFrom = now, now
	if n := len(k.Keys); n > 0 {
		newest := &k.Keys[n-1]
		if newest.State(now) == Next || n >= maxKeys {
			return ErrRotating
		}
		fresh.SignsFrom = now.Add(c.Overlap)
		newest.SignsUntil = &fresh.SignsFrom
		removed := fresh.SignsFrom.Add(c.Lifetime + afterLife)
		newest.RemovedAt = &removed
	}
	k.Keys = append(k.Keys, fresh)
	return nil
}

// replace drops every key, whatever it has signed, for one that signs at once.
func (k *Keys) replace(fresh SigningKey, now time.Time) {
	fresh.CreatedAt, fresh.SignsFrom = now.UTC(), now.UTC()
	k.Keys = []SigningKey{fresh}
}
