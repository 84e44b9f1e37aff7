// Package audit is the trail of security events: what happened to which
// account, when, who did it and from where. It is written in the transaction of
// the change that it tells of, and only ever appended to.
package audit

import (
	"context"
	"crypto/rand"
	"maps"
	"strconv"
	"time"
)

// Retention is how long a record is kept.
const Retention = 400 * 24 * time.Hour

// Kind is what happened.
type Kind string

// The kinds. A new one also goes into the contract (AuditKind).
const (
	Registered            Kind = "registered"
	SignedIn              Kind = "signed_in"
	SignInFailed          Kind = "sign_in_failed" // in sums, see Failures
	SignedOut             Kind = "signed_out"
	SessionRevoked        Kind = "session_revoked"
	RefreshTokenReused    Kind = "refresh_token_reused"
	PasswordChanged       Kind = "password_changed"
	PasswordReset         Kind = "password_reset"
	EmailChanged          Kind = "email_changed"
	EmailVerified         Kind = "email_verified"
	SecondFactorOn        Kind = "second_factor_on"
	SecondFactorOff       Kind = "second_factor_off"
	RolesChanged          Kind = "roles_changed"
	Disabled              Kind = "disabled"
	Enabled               Kind = "enabled"
	Deleted               Kind = "deleted"
	Exported              Kind = "exported"
	ConsentGiven          Kind = "consent_given"
	ConsentWithdrawn      Kind = "consent_withdrawn"
	ServiceAccountCreated Kind = "service_account_created"
	ServiceAccountRevoked Kind = "service_account_revoked"
	ServiceAccountSecret  Kind = "service_account_secret_changed"
	KeyRotated            Kind = "key_rotated"
)

// Event is what a change says of itself. Detail holds facts for programs and
// nothing personal; what people wrote goes into Note, which is erased with the
// account.
type Event struct {
	Kind    Kind
	Session string // that it is about; "": the one of the request
	Detail  map[string]string
	Note    string
}

// Record is one event as it is read. Address, Agent and Note are empty once
// the account has been erased.
type Record struct {
	ID        string
	At        time.Time
	Kind      Kind
	UserID    string // the account that it is about; "": none
	ActorID   string // the user or the app that did it; "": not known
	Session   string
	RequestID string
	Detail    map[string]string
	Address   string // of the client
	Agent     string // of the client, cut to 200 characters
	Note      string
	Intact    bool // the hash chain of its page holds
}

// Origin is where a request comes from.
type Origin struct {
	ActorID   string // user ID, or the app ID of a caller without a user
	Session   string
	RequestID string
	Address   string
	Agent     string
}

type key struct{}

// With puts the origin of a request into its context.
func With(ctx context.Context, o Origin) context.Context { return context.WithValue(ctx, key{}, o) }

// From gives the context's origin; the zero Origin is nobody.
func From(ctx context.Context) Origin {
	o, _ := ctx.Value(key{}).(Origin)
	return o
}

// Batch makes the records of one change. The change may run again after a
// conflict: its records then have the same IDs, so that none is kept twice.
type Batch struct {
	id     string
	at     time.Time
	origin Origin
	n      int
}

// Begin gives the batch of a change that is made now.
func Begin(ctx context.Context) *Batch {
	return &Batch{id: newID(), at: moment(time.Now()), origin: From(ctx)}
}

// At is when the change was made.
func (b *Batch) At() time.Time { return b.at }

// Again is called when the change runs, each time.
func (b *Batch) Again() { b.n = 0 }

// Record makes the record of an event of an account. Who acts without being
// signed in, at a registration or a sign-in, is the account itself.
func (b *Batch) Record(userID string, e Event) Record {
	r := b.origin.record(userID, e)
	if r.ActorID == "" {
		r.ActorID = userID
	}
	r.ID, r.At = b.id+"-"+strconv.Itoa(b.n), b.at
	b.n++
	return r
}

func (o Origin) record(userID string, e Event) Record {
	r := Record{
		Kind: e.Kind, UserID: userID, ActorID: o.ActorID, Session: o.Session, RequestID: o.RequestID,
		Address: o.Address, Agent: o.Agent, Detail: maps.Clone(e.Detail), Note: e.Note,
	}
	if e.Session != "" {
		r.Session = e.Session
	}
	return r
}

func newID() string { return rand.Text()[:13] }

// moment cuts a time to what the trail keeps.
func moment(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
