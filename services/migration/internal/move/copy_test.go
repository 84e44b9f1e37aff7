package move_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/move/movetest"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// sheet is one more kind that is made of notes.
type sheet struct {
	movetest.Notes
	name, app string
}

func (s sheet) Name() string { return s.name }
func (s sheet) Kind() string { return s.name }
func (s sheet) App() string  { return s.app }

func (s sheet) Identity(key []any) move.Identity {
	is := s.Notes.Identity(key)
	is.Key = fmt.Sprintf("%s:%v", s.name, key[0])
	is.ID = uuid.NewSHA1(uuid.Nil, []byte(is.Key)).String()
	return is
}

func (s sheet) Document(r source.Record) (move.Document, error) {
	d, err := s.Notes.Document(r)
	is := s.Identity([]any{r.Row["id"]})
	d.ID, d.Part, d.Key = is.ID, is.Part, is.Key
	return d, err
}

func (s sheet) KeyOf(key string) ([]any, bool) {
	id, err := strconv.ParseInt(strings.TrimPrefix(key, s.name+":"), 10, 64)
	return []any{id}, err == nil
}

// twoOwners is a mapping of each note to two kinds of each of two owners.
type twoOwners struct{ movetest.Mapping }

func (twoOwners) Kinds() []move.Kind {
	return []move.Kind{
		movetest.Notes{}, sheet{name: "cards", app: "shelf"}, sheet{name: "drafts", app: "papers"}, sheet{name: "boxes", app: "shelf"},
	}
}

func (m twoOwners) Touched(c source.Change) (out []move.Touched) {
	for _, k := range m.Kinds() {
		for _, t := range m.Mapping.Touched(c) {
			t.Kind = k.Name()
			out = append(out, t)
		}
	}
	return out
}

// owner is how an app of a doors answers.
type owner struct {
	takes  time.Duration
	stands chan struct{} // it does not answer before that is closed
	rude   bool          // it rejects everything
}

// doors is a target of several apps that sees what comes at the same time.
type doors struct {
	*movetest.Target
	mu    sync.Mutex
	apps  map[string]*owner
	under map[string]int     // batches that are being taken, by kind
	met   map[[2]string]bool // kinds of which batches were taken at the same time
	most  map[string]int     // batches at the same time, by app; "": of all
	first []string           // kinds in the order in which they came
	taken map[string]bool    // keys
}

// unanswered is how long a caller waits.
const unanswered = 10 * time.Second

func (d *doors) Take(ctx context.Context, k move.Kind, docs []move.Sent) ([]move.Answer, error) {
	app := d.come(k)
	defer d.leave(k)
	switch {
	case app.stands != nil:
		select {
		case <-app.stands:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(unanswered):
			return nil, errors.New("no answer")
		}
	case app.rude:
		answers := make([]move.Answer, len(docs))
		for i, doc := range docs {
			answers[i] = move.Answer{ID: doc.ID, Outcome: "rejected", Problem: fault.New(fault.Unprocessable, "rude", "No.")}
		}
		return answers, nil
	}
	time.Sleep(app.takes)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	d.mu.Lock()
	for _, doc := range docs {
		d.taken[doc.Key] = true
	}
	d.mu.Unlock()
	return d.Target.Take(ctx, k, docs)
}

func (d *doors) come(k move.Kind) *owner {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !slices.Contains(d.first, k.Name()) {
		d.first = append(d.first, k.Name())
	}
	d.under[k.Name()]++
	all, own := 0, 0
	for _, other := range (twoOwners{}).Kinds() {
		n := d.under[other.Name()]
		if all += n; other.App() == k.App() {
			own += n
		}
		if n > 0 {
			d.met[[2]string{k.Name(), other.Name()}], d.met[[2]string{other.Name(), k.Name()}] = true, true
		}
	}
	d.most[""], d.most[k.App()] = max(d.most[""], all), max(d.most[k.App()], own)
	return d.apps[k.App()]
}

func (d *doors) leave(k move.Kind) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.under[k.Name()]--
}

// see looks at what came, or changes how the apps answer.
func (d *doors) see(look func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	look()
}

// busy says whether a batch is being taken.
func (d *doors) busy() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.under {
		if n > 0 {
			return true
		}
	}
	return false
}

// newDoors gives a world of 40 notes, which are eight chunks of each of four kinds.
func newDoors(t *testing.T) (*world, *doors, map[string]string) {
	w := newWorld(t)
	d := &doors{
		Target: w.target, apps: map[string]*owner{"papers": {takes: time.Second}, "shelf": {takes: time.Second}},
		under: map[string]int{}, met: map[[2]string]bool{}, most: map[string]int{}, taken: map[string]bool{},
	}
	w.mapping, w.gate = twoOwners{}, d
	want := map[string]string{}
	for id := range int64(40) {
		w.source.Put(id, fmt.Sprint("n", id))
		for _, k := range w.mapping.Kinds() {
			want[k.Identity([]any{id}).Key] = fmt.Sprint("n", id)
		}
	}
	return w, d, want
}

// done gives how many chunks of a kind are done, and how many there are.
func (w *world) done(kind string) (done, all int) {
	for _, k := range w.status().Kinds {
		if k.Kind == kind {
			return k.ChunksDone, k.Chunks
		}
	}
	return 0, 0
}

// Kinds of two owners are copied at the same time, those of one never: what comes first may be
// referred to. Both together have as many chunks under way as one may have, and who is left alone has all.
func TestOwnersAreCopiedAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, want := newDoors(t)
		d.apps["shelf"].takes = 100 * time.Millisecond
		w.begin()
		w.start()
		time.Sleep(time.Second / 2)
		d.see(func() { require.Equal(t, []int{2, 4}, []int{d.most["papers"], d.most[""]}) })
		w.equal(want)
		s := w.status()
		require.Equal(t, progress.Following, s.Phase)
		for _, k := range s.Kinds {
			require.EqualValues(t, []int64{40, 40, 8}, []int64{k.Rows, k.Copied, int64(k.ChunksDone)}, k.Kind)
			require.Positive(t, k.Rate, k.Kind)
		}
		w.end()
		require.True(t, d.met[[2]string{"notes", "cards"}])
		require.False(t, d.met[[2]string{"notes", "drafts"}])
		require.False(t, d.met[[2]string{"cards", "boxes"}])
		require.Less(t, slices.Index(d.first, "notes"), slices.Index(d.first, "drafts"))
		require.Less(t, slices.Index(d.first, "cards"), slices.Index(d.first, "boxes"))
		require.Equal(t, map[string]int{"papers": 4, "shelf": 2, "": 4}, d.most)
	})
}

// An owner that does not answer holds up its own kinds, and no other's.
func TestAnOwnerThatDoesNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, want := newDoors(t)
		stands := make(chan struct{})
		d.apps["papers"].stands = stands
		w.begin()
		w.start()
		time.Sleep(time.Minute)
		s := w.status()
		require.Equal(t, progress.Copying, s.Phase)
		require.Equal(t, "papers", s.Waiting)
		for kind, want := range map[string][]int{"notes": {0, 8}, "cards": {8, 8}, "drafts": {0, 0}, "boxes": {8, 8}} {
			done, all := w.done(kind)
			require.Equal(t, want, []int{done, all}, kind)
		}
		d.see(func() { require.LessOrEqual(t, d.most[""], 4) })
		close(stands)
		w.equal(want)
		require.Equal(t, progress.Following, w.status().Phase)
		w.end()
	})
}

// Whatever ends the copy of one owner's documents ends that of all others, also of one that
// does not answer.
func TestWhatEndsACopyEndsAll(t *testing.T) {
	for name, end := range map[string]func(w *world, d *doors){
		"too many rejects": func(w *world, d *doors) {
			d.apps["shelf"].rude = true
			w.start()
			time.Sleep(time.Second)
		},
		"a stop": func(w *world, d *doors) {
			d.apps["shelf"].stands = d.apps["papers"].stands
			w.start()
			time.Sleep(time.Second)
			require.True(w.t, d.busy())
			require.NoError(w.t, w.mover.Stop(w.t.Context()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, d, want := newDoors(t)
				d.apps["papers"].stands = make(chan struct{})
				w.begin()
				end(w, d)
				synctest.Wait()
				require.False(t, d.busy())
				s := w.status()
				require.Equal(t, progress.Stopped, s.Phase)
				require.Equal(t, name == "too many rejects", strings.Contains(s.Reason, "rejected"), s.Reason)
				require.Empty(t, w.target.Texts())

				d.see(func() { d.apps["papers"], d.apps["shelf"] = &owner{}, &owner{} })
				w.start()
				w.equal(want)
				require.Equal(t, progress.Following, w.status().Phase)
				w.end()
			})
		})
	}
}

// A process that dies while several kinds are copied leaves their done chunks behind: the next
// one copies what is left of each.
func TestDoneChunksOfSeveralKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d, want := newDoors(t)
		w.begin()
		w.start()
		time.Sleep(2500 * time.Millisecond)
		notes, _ := w.done("notes")
		cards, _ := w.done("cards")
		require.Equal(t, []int{3, 3}, []int{notes, cards}, "the first has six notes, and takes twice as long")
		w.end()
		d.see(func() { clear(d.taken) })
		w.begin()
		w.equal(want)
		w.end()
		again := map[string]int{}
		for key := range d.taken {
			kind, _, _ := strings.Cut(key, ":")
			again[kind]++
		}
		require.Equal(t, map[string]int{"notes": 24, "cards": 24, "drafts": 40, "boxes": 40}, again)
	})
}
