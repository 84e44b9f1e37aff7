// Package intake is how an owner takes documents over from another system while both
// are in use: it stores what is newer than what it holds, says what it holds, and
// lists what has come.
//
// An owner says with a Kind how a document of one kind is kept. All that is held of
// where it came from is a Source beside it, in the same state document, so that two
// writers cannot both be the newer one.
package intake

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"

	"tienda/internal/fault"
	"tienda/internal/origin"
	"tienda/internal/quickjson"
	"tienda/internal/state"
)

// MaxDocuments is how many documents come at once.
const MaxDocuments = 200

// Document is one to be taken, with the value of its JSON.
type Document[T any] struct {
	ID      string
	Source  origin.Source
	Part    string // of the index
	Deleted bool
	Adopt   bool // it may take the place of one that was made here
	Value   T    // zero for one that is gone
}

// Kind is how an owner keeps documents of one kind, whose JSON is a T.
type Kind[T any] struct {
	Name string // as in the paths: "orders"
	DB   *state.DB
	// Check names what of a document does not fit its contract.
	Check func(doc []byte) []fault.Field
	// Keys are the state documents that Held, Put and Remove read, so that those of
	// a batch are read in one call. value is nil for a document that is gone.
	Keys func(id string, value *T) []string
	// New, if any, are those of Keys that are there only once the document of an ID has come,
	// and that Put writes for a new one, each of them. Of a batch they are taken for absent,
	// where the index does not list the document, and read where that is wrong.
	New func(id string, value *T) []string
	// Presume is from how many documents on a batch is one of which New is presumed; 0: 20.
	Presume int
	// Held gives the source of what is kept under an ID; nil where nothing is, or where it
	// was made here and not moved in: that is for Put to refuse or to take over.
	Held func(tx *state.Tx, id string) (*origin.Source, error)
	// Put keeps a document as it came, a new one or over what was there. A *fault.Error
	// that is no failure of the store refuses it, before anything is written.
	Put func(tx *state.Tx, d Document[T]) error
	// Remove takes a document away that was moved in; one that is not there is left alone.
	Remove func(tx *state.Tx, id string) error
	// Get gives what is kept in the shape in which it came; false: nothing is that was moved in.
	Get func(tx *state.Tx, id string) (Document[T], bool, error)
	// GetKeys are the state documents that Get reads.
	GetKeys func(id string) []string
	// Prepare, if any, is called with the documents before they are stored, outside of the transaction:
	// for what is slow, such as hashing. It may change their values. The slice says which are refused.
	Prepare func(ctx context.Context, docs []Document[T]) ([]error, error)
	// Stored, if any, is told the IDs that were written or removed.
	Stored func(ctx context.Context, ids []string)
	// PartKeys, if any, are state documents as those of Keys that depend on the part of the index.
	PartKeys func(part string, value *T) []string
	// More, if any, gives what is to be read besides, by what the documents of Keys say: one
	// more call, where anything of it was not read yet. GetMore is to GetKeys what More is to Keys.
	More    func(tx *state.Tx, docs []Document[T]) ([]string, error)
	GetMore func(tx *state.Tx, id string) ([]string, error)
	// Begin, if any, is called once for each run of the transaction, when all is read, and gives what
	// stores its documents in the place of Put and Remove.
	Begin func(tx *state.Tx) Run[T]
	// Room, if any, holds as many batches as may be stored at once: for kinds whose documents
	// share documents of an index, over which batches would only hold each other up.
	Room chan struct{}
	// Own is how all documents of the kind are given, and their changes here announced; nil: they are not.
	Own *Own[T]
}

// Run stores the documents of one run of the transaction. Finish, after the last of them, writes what
// they have in common, such as an index. Leave, if any, is told of each that is not stored: an
// earlier run may have landed in part and have put it into lists, which are to be as the
// document is that is held.
type Run[T any] struct {
	Put    func(d Document[T]) error
	Remove func(id string) error
	Leave  func(d Document[T]) error
	Finish func() error
}

func (r Run[T]) leave(d Document[T]) error {
	if r.Leave == nil || d.Deleted {
		return nil
	}
	return r.Leave(d)
}

// Outcome is what became of a document.
type Outcome string

// The outcomes.
const (
	Stored   Outcome = "stored"
	Stale    Outcome = "stale"    // something newer is held, or was and is gone
	Rejected Outcome = "rejected" // it does not fit, or breaks a rule; Problem says which
)

// Incoming is a document as it is sent.
type Incoming struct {
	ID      string        `json:"id"`
	Source  origin.Source `json:"source"`
	Deleted bool          `json:"deleted"`
	// Adopt: it takes the place of one that was made here, and was written to the sender from here.
	Adopt    bool            `json:"adopt"`
	Document json.RawMessage `json:"document"`
	Part     string          `json:"part,omitempty"` // "": that of the batch
}

// Problem is why a document was rejected.
type Problem struct {
	Code   string        `json:"code"`
	Detail string        `json:"detail"`
	Fields []fault.Field `json:"fields,omitempty"`
}

// Result is what became of one document.
type Result struct {
	ID      string   `json:"id"`
	Outcome Outcome  `json:"outcome"`
	Problem *Problem `json:"problem,omitempty"`
}

// Take stores documents in one transaction; name is the part of the index of those that say
// none. Results are in the order of the documents; of two with one ID the later one counts.
// State: 1 to 3 bulk gets, see load, 1 transaction.
func (k Kind[T]) Take(ctx context.Context, name string, in []Incoming) ([]Result, error) {
	results, docs := make([]Result, len(in)), make([]Document[T], len(in))
	for i, d := range in {
		results[i] = Result{ID: d.ID, Outcome: Stored}
		docs[i] = Document[T]{ID: d.ID, Source: d.Source, Part: cmp.Or(d.Part, name), Deleted: d.Deleted, Adopt: d.Adopt}
		if d.Deleted {
			continue
		}
		if bad := k.Check(d.Document); len(bad) > 0 {
			results[i].reject(fault.BadFields(bad...))
		} else if err := quickjson.Unmarshal(d.Document, &docs[i].Value); err != nil {
			results[i].reject(fault.BadField("", "does not fit this route"))
		}
	}
	if err := k.prepare(ctx, in, docs, results); err != nil {
		return nil, err
	}
	leave, err := k.enter(ctx)
	if err != nil {
		return nil, err
	}
	written, err := k.store(ctx, in, docs, results)
	leave()
	if err != nil {
		return nil, err
	}
	if k.Stored != nil && len(written) > 0 {
		k.Stored(ctx, written)
	}
	return results, nil
}

// enter waits for room.
func (k Kind[T]) enter(ctx context.Context) (leave func(), err error) {
	if k.Room == nil {
		return func() {}, nil
	}
	select {
	case k.Room <- struct{}{}:
		return func() { <-k.Room }, nil
	case <-ctx.Done():
		return nil, state.ErrBusy.Because(ctx.Err())
	}
}

// store is the transaction of a batch. results say what is to be stored, and then what was.
func (k Kind[T]) store(ctx context.Context, in []Incoming, docs []Document[T], results []Result) (written []string, err error) {
	before := append([]Result(nil), results...)
	err = k.DB.Update(ctx, func(tx *state.Tx) error {
		written = nil
		tx.Unwatched()
		copy(results, before)
		index := parts{}
		if err := k.load(tx, index, docs, results); err != nil {
			return err
		}
		run := k.begin(tx)
		for i, d := range in {
			if results[i].Outcome != Stored {
				continue
			}
			p, err := index.open(tx, k.index(), docs[i].Part)
			if err != nil {
				return err
			}
			if err := k.one(tx, run, p, d, docs[i], &results[i]); err != nil {
				return err
			}
			if results[i].Outcome == Stored {
				written = append(written, d.ID)
			}
		}
		if err := run.Finish(); err != nil {
			return err
		}
		return index.save(tx)
	})
	return written, err
}

func (k Kind[T]) begin(tx *state.Tx) Run[T] {
	if k.Begin != nil {
		return k.Begin(tx)
	}
	return Run[T]{
		Put:    func(d Document[T]) error { return k.Put(tx, d) },
		Remove: func(id string) error { return k.Remove(tx, id) },
		Finish: func() error { return nil },
	}
}

// prepare does what is slow for the documents that fit.
func (k Kind[T]) prepare(ctx context.Context, in []Incoming, docs []Document[T], results []Result) error {
	if k.Prepare == nil {
		return nil
	}
	var at []int
	var fit []Document[T]
	for i := range in {
		if !in[i].Deleted && results[i].Outcome == Stored {
			at, fit = append(at, i), append(fit, docs[i])
		}
	}
	if len(fit) == 0 {
		return nil
	}
	refused, err := k.Prepare(ctx, fit)
	if err != nil {
		return err
	}
	for n, i := range at {
		docs[i] = fit[n]
		if refused[n] != nil {
			results[i].reject(refused[n])
		}
	}
	return nil
}

// one stores a document unless what is held is newer, or what is gone was.
func (k Kind[T]) one(tx *state.Tx, run Run[T], index *part, in Incoming, doc Document[T], result *Result) error {
	held, err := k.Held(tx, in.ID)
	if err != nil {
		return err
	}
	if gone := index.Gone[in.ID]; !in.Source.Newer(held) || in.Source.Position < gone {
		result.Outcome = Stale
		if held != nil && held.Position < gone { // a half of an older state has come after its end
			if err := run.Remove(in.ID); err != nil {
				return err
			}
		}
		return run.leave(doc)
	}
	if in.Deleted {
		index.bury(in.ID, in.Source.Position)
		return run.Remove(in.ID)
	}
	err = run.Put(doc)
	if refusal := (*fault.Error)(nil); errors.As(err, &refusal) && refusal.Kind != fault.Internal && refusal.Kind != fault.Unavailable {
		result.reject(refusal)
		held, err := k.Held(tx, in.ID)
		if err == nil && held == nil { // it may be listed by a half that was kept and is refused now
			index.drop(in.ID)
		}
		return cmp.Or(err, run.leave(doc))
	}
	if err == nil {
		index.add(in.ID)
	}
	return err
}

// Read gives those of the documents that are kept and were moved in. State: 1 bulk
// get, if GetKeys says all that Get reads; 2 with GetMore.
func (k Kind[T]) Read(ctx context.Context, ids []string) (out []Incoming, err error) {
	err = k.DB.View(ctx, func(tx *state.Tx) error {
		out = make([]Incoming, 0, len(ids))
		var keys []string
		for _, id := range ids {
			keys = append(keys, k.GetKeys(id)...)
		}
		if err := tx.Load(keys...); err != nil {
			return err
		}
		if k.GetMore != nil {
			keys = nil
			for _, id := range ids {
				more, err := k.GetMore(tx, id)
				if err != nil {
					return err
				}
				keys = append(keys, more...)
			}
			if err := tx.Load(keys...); err != nil {
				return err
			}
		}
		for _, id := range ids {
			d, ok, err := k.Get(tx, id)
			if err != nil {
				return err
			}
			if !ok {
				continue
			}
			raw, err := json.Marshal(d.Value)
			if err != nil {
				return err
			}
			out = append(out, Incoming{ID: id, Source: d.Source, Document: raw})
		}
		return nil
	})
	return out, err
}

func (r *Result) reject(err error) {
	problem := &Problem{Code: fault.CodeOf(err), Detail: "It cannot be taken."}
	if refusal := (*fault.Error)(nil); errors.As(err, &refusal) {
		problem.Detail, problem.Fields = refusal.Detail, refusal.Fields
	}
	r.Outcome, r.Problem = Rejected, problem
}
