package movetest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/services/migration/internal/move"
	"tienda/services/migration/internal/progress"
	"tienda/services/migration/internal/source"
)

// Mapping is of the notes of a Source.
type Mapping struct{}

// Name implements move.Mapping.
func (Mapping) Name() string { return "notes" }

// Kinds implements move.Mapping.
func (Mapping) Kinds() []move.Kind { return []move.Kind{Notes{}} }

// Tables implements move.Mapping.
func (Mapping) Tables() []string { return []string{"note", "line"} }

// Touched implements move.Mapping.
func (Mapping) Touched(c source.Change) (out []move.Touched) {
	for _, row := range []source.Row{c.New, c.Old} {
		switch {
		case row == nil:
		case c.Table == "note":
			out = append(out, move.Touched{Kind: "notes", Keys: [][]any{{row["id"]}}})
		case row["note"] != nil:
			out = append(out, move.Touched{Kind: "notes", Keys: [][]any{{row["note"]}}})
		default:
			out = append(out, move.Touched{Kind: "notes", Child: "lines", Rows: []source.Row{row}})
		}
	}
	return out
}

// Notes is the kind of document that notes are. A text "bad" cannot be mapped.
type Notes struct{}

// Name implements move.Kind.
func (Notes) Name() string { return "notes" }

// Kind implements move.Kind.
func (Notes) Kind() string { return "notes" }

// App implements move.Kind.
func (Notes) App() string { return "papers" }

// Query implements move.Kind.
func (Notes) Query() source.Query {
	return source.Query{Table: "note", Columns: []string{"id", "text"}, Key: []string{"id"}, Children: []source.Child{
		{Name: "lines", Table: "line", Columns: []string{"text"}, On: []source.On{{Child: "note", Parent: "id"}}, OrderBy: []string{"id"}},
	}}
}

// Document implements move.Kind.
func (n Notes) Document(r source.Record) (move.Document, error) {
	is := n.Identity([]any{r.Row["id"]})
	if r.Row["text"] == "bad" {
		return move.Document{}, &move.Unmappable{Fields: []fault.Field{{Name: "/text", Reason: "is bad"}}}
	}
	lines := []any{}
	for _, l := range r.Children["lines"] {
		lines = append(lines, l["text"])
	}
	doc, err := json.Marshal(map[string]any{"text": r.Row["text"], "lines": lines})
	return move.Document{ID: is.ID, Part: is.Part, Key: is.Key, JSON: doc, Held: doc}, err
}

// Refused implements move.Kind: a text "long" does not fit the contract.
func (Notes) Refused(doc json.RawMessage) *move.Unmappable {
	if !bytes.Contains(doc, []byte(`"text":"long"`)) {
		return nil
	}
	return &move.Unmappable{Fields: []fault.Field{{Name: "/text", Reason: "is too long (from note.text)"}}}
}

// Identity implements move.Kind.
func (Notes) Identity(key []any) move.Identity {
	id, _ := key[0].(int64)
	name := fmt.Sprintf("notes:%d", id)
	return move.Identity{ID: uuid.NewSHA1(uuid.Nil, []byte(name)).String(), Part: strconv.FormatInt(id/100, 10), Key: name}
}

// KeyOf implements move.Kind.
func (Notes) KeyOf(key string) ([]any, bool) {
	id, err := strconv.ParseInt(strings.TrimPrefix(key, "notes:"), 10, 64)
	return []any{id}, err == nil
}

// OnlyHere implements move.Kind: a note that is signed here may lack its text.
func (Notes) OnlyHere(pointer string, _, held json.RawMessage) bool {
	return pointer == "/text" && bytes.Contains(held, []byte(`"signed"`))
}

// Shown implements move.Kind.
func (Notes) Shown(r source.Row) map[string]string {
	return map[string]string{"text": fmt.Sprint(r["text"])}
}

// Target keeps notes; texts "rude" and "long" are rejected.
type Target struct {
	mu     sync.Mutex
	docs   map[string]move.Sent
	gone   map[string]source.Position
	Takes  int
	Writes int

	Away bool
	// Most is how many bytes are taken at once; 0: any.
	Most int
	// Broken, if any, may fail a Take after it was done, or before.
	Broken func(n int) (before, after error)
}

// NewTarget gives an empty target.
func NewTarget() *Target {
	return &Target{docs: map[string]move.Sent{}, gone: map[string]source.Position{}}
}

// Set changes fields while others may use the target.
func (t *Target) Set(change func(*Target)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	change(t)
}

// Take implements move.Target.
func (t *Target) Take(_ context.Context, _ move.Kind, docs []move.Sent) ([]move.Answer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.Takes++
	var before, after error
	if t.Broken != nil {
		before, after = t.Broken(t.Takes)
	}
	if t.Away || before != nil {
		return nil, errors.Join(errors.New("no answer"), before)
	}
	size := 0
	for _, d := range docs {
		size += len(d.JSON)
	}
	if t.Most > 0 && size > t.Most {
		return nil, fault.New(fault.TooLarge, "document_too_large", "That is too much.")
	}
	answers := make([]move.Answer, len(docs))
	for i, d := range docs {
		answers[i] = move.Answer{ID: d.ID, Outcome: "stored"}
		held, there := t.docs[d.ID]
		switch {
		case there && held.Position > d.Position || t.gone[d.ID] > d.Position:
			answers[i].Outcome = "stale"
		case d.JSON == nil:
			delete(t.docs, d.ID)
			t.gone[d.ID] = d.Position
		case strings.Contains(string(d.JSON), `"text":"long"`):
			answers[i] = move.Answer{ID: d.ID, Outcome: "rejected", Problem: fault.BadField("/text", "'long' is too long")}
		case strings.Contains(string(d.JSON), `"rude"`):
			answers[i] = move.Answer{ID: d.ID, Outcome: "rejected", Problem: fault.New(fault.Unprocessable, "rude", "That is rude.").At("/text", "is rude")}
		default:
			t.docs[d.ID] = d
			t.Writes++
		}
	}
	return answers, after
}

// Read implements move.Target.
func (t *Target) Read(_ context.Context, _ move.Kind, ids []string) (out []move.Sent, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Away {
		return nil, errors.New("no answer")
	}
	for _, id := range ids {
		if d, there := t.docs[id]; there {
			out = append(out, d)
		}
	}
	return out, nil
}

// List implements move.Target.
func (t *Target) List(_ context.Context, _ move.Kind, cursor string) (ids []string, next string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Away {
		return nil, "", errors.New("no answer")
	}
	for _, id := range slices.Sorted(maps.Keys(t.docs)) {
		if id <= cursor {
			continue
		}
		if len(ids) == 50 {
			return ids, ids[49], nil
		}
		ids = append(ids, id)
	}
	return ids, "", nil
}

// Change does something to the documents by their Key, behind everybody's back.
func (t *Target) Change(fn func(docs map[string]move.Sent)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	byKey := map[string]move.Sent{}
	for _, d := range t.docs {
		byKey[d.Key] = d
	}
	fn(byKey)
	t.docs = map[string]move.Sent{}
	for _, d := range byKey {
		t.docs[d.ID] = d
	}
}

// Texts gives the texts by Key, with those of the lines behind them.
func (t *Target) Texts() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := map[string]string{}
	for _, d := range t.docs {
		var v struct {
			Text  string   `json:"text"`
			Lines []string `json:"lines"`
		}
		_ = json.Unmarshal(d.JSON, &v) // it was made by Document
		out[d.Key] = strings.Join(append([]string{v.Text}, v.Lines...), "|")
	}
	return out
}

// Journal keeps what a mover and a verifier keep.
type Journal struct {
	mu      sync.Mutex
	run     move.Run
	plans   map[string][]byte
	rejects map[string]progress.Reject
	report  *progress.Report
}

// NewJournal gives an empty journal.
func NewJournal() *Journal {
	return &Journal{plans: map[string][]byte{}, rejects: map[string]progress.Reject{}}
}

// Run implements move.Journal.
func (j *Journal) Run(context.Context) (move.Run, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.run, nil
}

// SaveRun implements move.Journal.
func (j *Journal) SaveRun(_ context.Context, r move.Run) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.run = r
	return nil
}

// Plan implements move.Journal.
func (j *Journal) Plan(_ context.Context, kind string) (*move.Plan, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	doc, there := j.plans[kind]
	if !there {
		return nil, nil
	}
	var p move.Plan
	return &p, json.Unmarshal(doc, &p)
}

// SavePlan implements move.Journal.
func (j *Journal) SavePlan(_ context.Context, p move.Plan) (err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.plans[p.Kind], err = json.Marshal(p)
	return err
}

// DropPlan implements move.Journal.
func (j *Journal) DropPlan(_ context.Context, kind string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.plans, kind)
	return nil
}

// Rejected implements move.Journal.
func (j *Journal) Rejected(context.Context) (map[string]string, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := map[string]string{}
	for id, r := range j.rejects {
		out[id] = r.Kind
	}
	return out, nil
}

// AddRejects implements move.Journal.
func (j *Journal) AddRejects(_ context.Context, rejects ...progress.Reject) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range rejects {
		j.rejects[r.ID] = r
	}
	return nil
}

// DropRejects implements move.Journal.
func (j *Journal) DropRejects(_ context.Context, ids ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range ids {
		delete(j.rejects, id)
	}
	return nil
}

// Rejects implements move.Journal; its pages are whole.
func (j *Journal) Rejects(context.Context, string, int, string) (out []progress.Reject, next string, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(j.rejects)) {
		out = append(out, j.rejects[id])
	}
	return out, "", nil
}

// SaveReport implements verify.Reports.
func (j *Journal) SaveReport(_ context.Context, r progress.Report) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.report = &r
	return nil
}

// Report implements verify.Reports.
func (j *Journal) Report(context.Context) (*progress.Report, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.report, nil
}
