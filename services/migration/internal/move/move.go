// Package move copies a database's rows as documents to the services that own them,
// and then follows what changes, so that both sides stay in step.
//
// Documents are never patched: what a change touches is read anew, in one read
// transaction, and written whole with the position that the log had before. So a
// document may be written twice or out of turn, and the owner keeps the newest.
package move

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tienda/internal/fault"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// Document is what a root and its rows are in the target.
type Document struct {
	ID   string // derived from Key, so that a repeat makes the same document
	Part string // of the owner's index
	Key  string // "orders:10248"
	JSON json.RawMessage
	Held json.RawMessage // as the owner gives it back: without what nobody gets back
}

// Identity is of a Document what its root's key alone says.
type Identity struct{ ID, Part, Key string }

// Unmappable is why a root cannot be made a document. It tells no values.
type Unmappable struct {
	Fields []fault.Field // by JSON pointer
}

// Error names the fields.
func (e *Unmappable) Error() string {
	text := "unmappable:"
	for _, f := range e.Fields {
		text += " [" + f.Name + ": " + f.Reason + "]"
	}
	return text
}

// Kind makes the documents of one kind.
type Kind interface {
	Name() string // "staff": the first part of the keys
	Kind() string // "users": what the owner calls the documents; several may make such
	App() string  // that owns them
	Query() source.Query
	// Document makes a document of a root; an *Unmappable where that cannot be. That it fits
	// its owner's contract is for the owner to say.
	Document(r source.Record) (Document, error)
	// Refused says in the words of the mapping why the owner has rejected a document; nil: not
	// for its contract.
	Refused(doc json.RawMessage) *Unmappable
	// Identity says what a document with a key would be called.
	Identity(key []any) Identity
	// KeyOf gives the values of a key that a Document's Key was made of; false: another
	// kind made it, or none.
	KeyOf(key string) ([]any, bool)
	// OnlyHere says whether a field that is not the same in a document that is held may
	// have been changed by the target's own users, who are in charge of it.
	OnlyHere(pointer string, there, held json.RawMessage) bool
	// Shown gives what a person may see of a root that was rejected: no secrets.
	Shown(r source.Row) map[string]string
}

// Touched are roots of a kind that a change touches: those with Keys, and those that
// Rows of a child belong to, which the source has to be asked for.
type Touched struct {
	Kind  string
	Keys  [][]any
	Child string
	Rows  []source.Row
}

// Mapping says what documents there are.
type Mapping interface {
	Name() string
	Kinds() []Kind // those of an app in the order in which they are copied
	Touched(c source.Change) []Touched
	Tables() []string // whose changes matter
}

// Sent is a document on its way to its owner.
type Sent struct {
	ID       string
	Part     string // of the owner's index
	Key      string
	Position source.Position
	JSON     json.RawMessage // nil: it is gone
}

// Answer is what an owner says of a document.
type Answer struct {
	ID      string
	Outcome string       // "stored", "stale" or "rejected"
	Problem *fault.Error // why it was rejected
}

// Target takes documents for their owners.
type Target interface {
	// Take sends documents, MaxBatch at most; neighbours of one part of the index cost least.
	// An error says that the owner did not answer: it may have taken them. One of the kind
	// fault.TooLarge says that they are too large together; then it has taken none.
	Take(ctx context.Context, k Kind, docs []Sent) ([]Answer, error)
	// Read gives those of the documents that are there.
	Read(ctx context.Context, k Kind, ids []string) ([]Sent, error)
	// List gives IDs of what was moved, and the cursor of more; "": no more.
	List(ctx context.Context, k Kind, cursor string) (ids []string, next string, err error)
}

// MaxBatch is how many documents are sent or read at once.
const MaxBatch = 200

// maxBytes is about how much is sent at once, and maxHeavy how many documents with a
// secret that the owner hashes: those of all workers are hashed by the cores of one owner,
// in less time than a call may take.
const (
	maxBytes = 4 << 20
	maxHeavy = 50
)

// Config says how a move is done.
type Config struct {
	Chunk   int   // roots that are copied between two checkpoints; 0: 1000
	Workers int   // chunks that are copied at the same time, of all apps together; 0: 4. Each app has one at least
	Limit   int64 // rejects that stop the move; 0: 100
	// Fits, if any, is asked before the source is read: a *Misfit stops the move.
	Fits func(ctx context.Context) error
}

// Misfit says that the source is not what was mapped (any more).
type Misfit struct{ Reason string }

// Error gives the reason.
func (e *Misfit) Error() string { return "the mapping does not fit the source: " + e.Reason }

// Mover moves. Use New.
type Mover struct {
	source  source.Source
	mapping Mapping
	target  Target
	journal Journal
	config  Config
	log     *slog.Logger
	now     func() time.Time

	// reading is held while rows are read anew, so that what is read later has a
	// position that is no earlier.
	reading sync.Mutex

	saving  sync.Mutex    // held while a plan is written
	storing sync.RWMutex  // held, to read, while documents are stored; to write, while they change hands
	asked   chan struct{} // Start or Stop was called

	mu       sync.Mutex
	run      Run
	plans    map[string]*Plan
	rejected map[string]string // kinds, by ID
	waiting  waits
	away     bool // the source
	head     source.Position
	left     int64
	oldest   time.Time // when the oldest change was committed that is not stored; zero: there is none
	lags     []progress.Lag
	changed  map[string]int64
	watches  map[*Watch]bool
	cancel   context.CancelFunc // of what is under way
}

// New gives a mover that does nothing before Run.
func New(s source.Source, m Mapping, t Target, j Journal, c Config, log *slog.Logger) *Mover {
	if c.Chunk == 0 {
		c.Chunk = 1000
	}
	if c.Workers == 0 {
		c.Workers = 4
	}
	if c.Limit == 0 {
		c.Limit = 100
	}
	return &Mover{
		source: s, mapping: m, target: t, journal: j, config: c, log: log, now: func() time.Time { return time.Now().UTC() },
		asked: make(chan struct{}, 1), plans: map[string]*Plan{}, rejected: map[string]string{}, changed: map[string]int64{}, waiting: waits{}, watches: map[*Watch]bool{}, left: -1,
	}
}

// Run is how far the move is, as the journal keeps it.
type Run struct {
	Phase    progress.Phase  `json:"phase"`
	Reason   string          `json:"reason,omitempty"`
	Since    time.Time       `json:"since"`
	Began    bool            `json:"began"` // the stream of changes was made for this run
	Again    bool            `json:"again"` // it was lost once: what is gone meanwhile has to be looked for
	Position source.Position `json:"position"`
	Changes  int64           `json:"changes"`
	// Handed are the kinds of document that the shop is in charge of: what changes in the
	// source is not taken over.
	Handed map[string]bool `json:"handed,omitempty"`
	// Strays are the source's own changes of these, by the kind's name. A map is never changed.
	Strays map[string]Stray `json:"strays,omitempty"`
}

// Plan are the chunks of a kind.
type Plan struct {
	Kind     string        `json:"kind"`
	Bounds   [][]any       `json:"bounds"` // between chunks; chunk n is behind Bounds[n-1], up to Bounds[n]
	Done     []bool        `json:"done"`
	Rows     int64         `json:"rows"`
	Copied   int64         `json:"copied"`
	Rejected int64         `json:"rejected"`
	Took     time.Duration `json:"took"`
}

func (p *Plan) clone() Plan {
	c := *p
	c.Done = slices.Clone(p.Done)
	return c
}

// left says whether chunks are left.
func (p *Plan) left() bool { return slices.Contains(p.Done, false) }

// Journal keeps what a move has come to, in the migration's own store.
type Journal interface {
	// Run gives the zero Run where there was none.
	Run(ctx context.Context) (Run, error)
	SaveRun(ctx context.Context, r Run) error
	// Plan gives nil where there is none.
	Plan(ctx context.Context, kind string) (*Plan, error)
	SavePlan(ctx context.Context, p Plan) error
	DropPlan(ctx context.Context, kind string) error
	// Rejected gives the kinds of all rejects by ID.
	Rejected(ctx context.Context) (map[string]string, error)
	AddRejects(ctx context.Context, rejects ...progress.Reject) error
	DropRejects(ctx context.Context, ids ...string) error
	Rejects(ctx context.Context, kind string, limit int, cursor string) ([]progress.Reject, string, error)
}
