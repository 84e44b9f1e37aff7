// Package progress is what the migration tells of itself: how far the move is, what
// was rejected, and what a verification has found.
package progress

import (
	"context"
	"time"

	"tienda/internal/fault"
)

// Phase is what the migration is doing.
type Phase string

// The phases.
const (
	Idle      Phase = "idle"      // it was not started yet
	Copying   Phase = "copying"   // the documents of the snapshot
	Following Phase = "following" // what changes since
	Stopped   Phase = "stopped"   // on request, or since too much was rejected: Start goes on
	Failed    Phase = "failed"    // it cannot go on: Reason says why and what to do
)

// Status is how far the move is.
type Status struct {
	Phase  Phase     `json:"phase"`
	Reason string    `json:"reason,omitempty"` // of a stop or failure
	Since  time.Time `json:"since"`            // of the phase
	// Waiting says whom the move waits for: apps that do not take documents, the source,
	// its own store; "": nobody.
	Waiting string `json:"waiting,omitempty"`
	// WaitingWhy is what they said, without what is internal.
	WaitingWhy string `json:"waiting_why,omitempty"`
	Kinds      []Kind `json:"kinds"`
	// Positions in the source's log, in bytes.
	Position  uint64     `json:"position"`  // up to which all is stored
	Head      uint64     `json:"head"`      // the end of the log
	LagBytes  int64      `json:"lag_bytes"` // Head - Position
	LagSecs   float64    `json:"lag_seconds"`
	LogLeft   int64      `json:"log_left_bytes"` // that may be written before the source gives the stream up; -1: no limit
	Changes   int64      `json:"changes"`        // documents that were written anew since the copy
	Lags      []Lag      `json:"lags"`           // of the last ten minutes, oldest first
	Rejects   int64      `json:"rejects"`        // in the list now
	Limit     int64      `json:"reject_limit"`   // rejects that stop the move
	Verified  *Verdict   `json:"verified,omitempty"`
	Excluded  []Excluded `json:"excluded,omitempty"`
	Mapping   string     `json:"mapping"` // its name
	UpdatedAt time.Time  `json:"updated_at"`
}

// Kind is how far the copy of one kind of document is.
type Kind struct {
	Kind       string  `json:"kind"`
	App        string  `json:"app"`
	Rows       int64   `json:"rows"` // root rows in the snapshot
	Copied     int64   `json:"copied"`
	Rejected   int64   `json:"rejected"`
	Chunks     int     `json:"chunks"`
	ChunksDone int     `json:"chunks_done"`
	Rate       float64 `json:"rate"` // documents a second while it is copied, on average
	Changed    int64   `json:"changed"`
	// Stray are writes at the source of what the shop is in charge of, since it is: by
	// somebody who went past the gateway. They are not taken over.
	Stray    int64     `json:"stray"`
	StrayKey string    `json:"stray_key,omitempty"` // of the last one: "orders:10248"; its table, where the log does not tell
	StrayAt  time.Time `json:"stray_at,omitzero"`
}

// Lag is how far the move was behind at a moment.
type Lag struct {
	At      time.Time `json:"at"`
	Bytes   int64     `json:"bytes"`
	Seconds float64   `json:"seconds"`
}

// Excluded are rows that the mapping leaves out, by its own words.
type Excluded struct {
	Kind   string `json:"kind"`
	Rows   int64  `json:"rows"`
	Reason string `json:"reason"`
}

// Reject is a document that could not be made or was not taken.
type Reject struct {
	ID       string            `json:"id"` // of the document
	Kind     string            `json:"kind"`
	Key      string            `json:"key"`  // "orders:10248"
	Code     string            `json:"code"` // "unmappable", or the owner's
	Detail   string            `json:"detail"`
	Fields   []fault.Field     `json:"fields,omitempty"`
	Row      map[string]string `json:"row,omitempty"` // of the source, without secrets
	Position uint64            `json:"position"`
	Tries    int               `json:"tries"`
	At       time.Time         `json:"at"`
	Values   []string          `json:"values"` // of the key
}

// Verdict is the outcome of the last verification in short.
type Verdict struct {
	Equal    bool      `json:"equal"`
	Running  bool      `json:"running"`
	Missing  int64     `json:"missing"`
	Extra    int64     `json:"extra"`
	Differs  int64     `json:"different"`
	Compared int64     `json:"compared"`
	At       time.Time `json:"at"`
}

// Report is what a verification has found.
type Report struct {
	Verdict
	Error     string        `json:"error,omitempty"` // why it could not be ended
	Began     time.Time     `json:"began_at"`
	Ended     time.Time     `json:"ended_at,omitzero"`
	Kinds     []KindReport  `json:"kinds"`
	Different []Difference  `json:"differences"` // the first 100
	Sampled   int           `json:"sampled"`     // documents that were compared field by field
	Took      time.Duration `json:"took_ns"`
}

// KindReport is what was found of one kind.
type KindReport struct {
	Kind     string `json:"kind"`
	App      string `json:"app"`
	Source   int64  `json:"source"`   // rows, without those excluded
	Excluded int64  `json:"excluded"` // by the mapping
	Rejected int64  `json:"rejected"`
	Target   int64  `json:"target"` // documents
	Buckets  int    `json:"buckets"`
	Unequal  int    `json:"unequal_buckets"` // at first, before what was changing was looked at again
	Again    int64  `json:"looked_at_again"`
	Missing  int64  `json:"missing"`
	Extra    int64  `json:"extra"`
	Differs  int64  `json:"different"`
}

// Difference is a document that is not the same on both sides.
type Difference struct {
	Kind   string   `json:"kind"`
	ID     string   `json:"id"`
	Key    string   `json:"key"`
	What   What     `json:"what"`
	Fields []string `json:"fields,omitempty"` // JSON pointers; values are not told
}

// What a difference is.
type What string

// The sorts of difference.
const (
	Missing   What = "missing"   // in the target
	Extra     What = "extra"     // in the target
	Different What = "different" // in the fields
)

// Finding is one answer of a preflight.
type Finding struct {
	Check  string `json:"check"`
	Level  Level  `json:"status"`
	Table  string `json:"table,omitempty"`
	Column string `json:"column,omitempty"`
	Detail string `json:"detail"`
	Do     string `json:"do,omitempty"` // what to do about it: often SQL to run
}

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning"
	Blocked Level = "blocked"
)

// Control is what can be asked of the migration and had done by it.
type Control interface {
	Status(ctx context.Context) (Status, error)
	// Preflight says whether a move can begin; nothing is changed.
	Preflight(ctx context.Context) ([]Finding, error)
	// Start begins the move or goes on with it. A *fault.Error (Conflict, preflight_blocked) where the preflight has a Blocked finding.
	Start(ctx context.Context) error
	// Stop ends what is under way, to be gone on with.
	Stop(ctx context.Context) error
	// Rejects gives a page of the list, of one kind or all (""), and the cursor of the next; "": none.
	Rejects(ctx context.Context, kind string, limit int, cursor string) ([]Reject, string, error)
	// Retry tries all rejects again and says how many are left.
	Retry(ctx context.Context) (taken, left int, err error)
	// Verify begins a verification in the background; while one runs, nothing.
	Verify(ctx context.Context) error
	// Report gives the last verification, or the one under way; a NotFound error: there was none.
	Report(ctx context.Context) (Report, error)
	// Repair writes anew what the last report says is different, and says how many documents it were.
	Repair(ctx context.Context) (int, error)
}
