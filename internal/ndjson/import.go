package ndjson

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"strconv"
	"time"

	"tienda/internal/fault"
)

const (
	batchTime   = 30 * time.Second
	notImported = "cannot be taken"
)

// Import takes a stream of documents D in as domain values T.
type Import[D, T any] struct {
	// Check names what of a line does not fit its contract.
	Check func(line []byte) []fault.Field
	// Value makes the domain's value of a document that fits.
	Value func(D) T
	// Weight says how much of a batch a value fills.
	Weight func(T) int
	// Full is the weight that a batch may have, a single heavier value apart.
	Full int
	// Store stores a batch at once. The slice tells for each value why it was
	// refused (nil: taken); the error that nothing was stored. It may be given
	// no values. One batch is stored at a time, in their order, while the next
	// one is read and checked.
	Store func(context.Context, []T) ([]error, error)
	// Lines reads the body; nil: Lines of this package. Another one makes lines of
	// JSON of something else, and keeps to what it says of them.
	Lines func(io.Reader) iter.Seq2[Line, error]
}

// batch gathers values until they are stored.
type batch[T any] struct {
	values []T
	lines  []int // values[i] stood on lines[i]
	weight int
}

// Run reads the request's body and stores it batch by batch. After an error,
// which is that of Lines or of Store, the batches before it are kept.
func (i Import[D, T]) Run(w http.ResponseWriter, r *http.Request) (Report, error) {
	report, under := Report{Errors: []Failure{}}, (*flight)(nil)
	defer func() { _ = under.land(&report) }() // after an error: nothing goes on behind the answer
	b := batch[T]{}
	next := func() error {
		if err := under.land(&report); err != nil {
			under = nil
			return err
		}
		extend(w)
		under, b = i.launch(r.Context(), b), batch[T]{}
		return nil
	}
	lines := i.Lines
	if lines == nil {
		lines = Lines
	}
	for line, err := range lines(r.Body) {
		if err != nil {
			return Report{}, err
		}
		if line.Bad != "" {
			report.reject(line.Number, line.Bad)
			continue
		}
		if line.TooLong {
			report.reject(line.Number, "is longer than "+strconv.Itoa(MaxLine)+" bytes")
			continue
		}
		v, bad := i.read(line.Text)
		if len(bad) > 0 {
			report.reject(line.Number, "does not fit the contract", bad...)
			continue
		}
		weight := i.Weight(v)
		if b.weight > 0 && b.weight+weight > i.Full {
			if err := next(); err != nil {
				return Report{}, err
			}
		}
		b.values, b.lines, b.weight = append(b.values, v), append(b.lines, line.Number), b.weight+weight
		if b.weight >= i.Full {
			if err := next(); err != nil {
				return Report{}, err
			}
		}
	}
	if err := next(); err != nil {
		return Report{}, err
	}
	err := under.land(&report)
	if under = nil; err != nil {
		return Report{}, err
	}
	report.sort()
	return report, nil
}

// read makes a value of a line, or names what is wrong with it.
func (i Import[D, T]) read(line []byte) (v T, bad []fault.Field) {
	if bad := i.Check(line); len(bad) > 0 {
		return v, bad
	}
	var doc D
	if json.Unmarshal(line, &doc) != nil { // the contract takes more than the type
		return v, []fault.Field{{Name: "", Reason: notImported}}
	}
	return i.Value(doc), nil
}

// flight is a batch that is being stored.
type flight struct {
	lines   []int
	done    chan struct{} // closed when refused and err are known
	refused []error
	err     error
	panic   any // of Store, for whoever lands
}

func (i Import[D, T]) launch(ctx context.Context, b batch[T]) *flight {
	f := &flight{lines: b.lines, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		defer func() { f.panic = recover() }()
		f.refused, f.err = i.Store(ctx, b.values)
	}()
	return f
}

// land waits until a batch is stored, and reports it; nil: there is none.
func (f *flight) land(report *Report) error {
	if f == nil {
		return nil
	}
	<-f.done
	if f.panic != nil {
		panic(f.panic)
	}
	if f.err != nil {
		return f.err
	}
	for n, err := range f.refused {
		var refusal *fault.Error
		switch {
		case err == nil:
			report.Accepted++
		case errors.As(err, &refusal):
			report.reject(f.lines[n], refusal.Detail, refusal.Fields...)
		default:
			report.reject(f.lines[n], notImported)
		}
	}
	return nil
}

// extend gives a long import more time, batch by batch, than the server gives
// a request. A connection without deadlines, as in tests, needs none.
func extend(w http.ResponseWriter) {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Now().Add(batchTime))
	_ = c.SetWriteDeadline(time.Now().Add(2 * batchTime))
}
