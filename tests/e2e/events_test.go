package e2e

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/tests/shop"
	"tienda/tests/tap"
)

// recorder hears every event of the shop at the broker itself and holds each
// to its schema.
type recorder struct {
	close    func()
	mu       sync.Mutex
	events   []heard
	bad      []string
	compiler map[string]*jsonschema.Schema
}

type heard struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Subject string          `json:"subject"`
	Source  string          `json:"source"`
	Version json.Number     `json:"docversion"`
	Data    json.RawMessage `json:"data"`
}

// record listens to the shop's broker.
func record(s shop.State) (*recorder, error) {
	r := &recorder{compiler: map[string]*jsonschema.Schema{}}
	var err error
	r.close, err = tap.Listen(s, tap.Topics, r.hear)
	return r, err
}

func (r *recorder) hear(raw []byte) {
	var e heard
	err := json.Unmarshal(raw, &e)
	if err == nil {
		err = r.check(e)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.bad = append(r.bad, fmt.Sprintf("%v: %s", err, raw))
	}
	r.events = append(r.events, e)
}

func (r *recorder) check(e heard) error {
	r.mu.Lock()
	s := r.compiler[e.Type]
	r.mu.Unlock()
	if s == nil {
		raw, err := contracts.FS.ReadFile("events/" + e.Type + ".schema.json")
		if err != nil {
			return fmt.Errorf("an event without a schema: %w", err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			return err
		}
		c := jsonschema.NewCompiler()
		c.AssertFormat()
		if err := c.AddResource(e.Type, doc); err != nil {
			return err
		}
		if s, err = c.Compile(e.Type); err != nil {
			return err
		}
		r.mu.Lock()
		r.compiler[e.Type] = s
		r.mu.Unlock()
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Data))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// about gives the types of the events about a document, in the order of its
// versions: its topic and its log are two streams.
func (r *recorder) about(subject string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var about []heard
	seen := map[string]bool{}
	for _, e := range r.events {
		if e.Subject == subject && !seen[e.ID] {
			seen[e.ID] = true
			about = append(about, e)
		}
	}
	slices.SortStableFunc(about, func(a, b heard) int {
		x, _ := a.Version.Int64()
		y, _ := b.Version.Int64()
		return cmp.Compare(x, y)
	})
	out := make([]string, len(about))
	for i, e := range about {
		out[i] = e.Type
	}
	return out
}

// requireEvents waits until exactly these events were heard about a document.
func requireEvents(t *testing.T, subject string, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%v of %s; heard %v", want, subject, events.about(subject)), func() bool {
		return slices.Equal(events.about(subject), want)
	})
	events.mu.Lock()
	defer events.mu.Unlock()
	require.Empty(t, events.bad, "events that do not fit their schema")
}
