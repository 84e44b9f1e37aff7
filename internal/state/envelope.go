package state

import (
	"crypto/rand"
	"encoding/json"
	"slices"
)

// envelope is how a document is stored: its version, the commit that wrote
// it, the document itself, and the events that may not be published yet.
type envelope struct {
	Version int64           `json:"v"`
	Commit  string          `json:"c"`
	Past    []string        `json:"h,omitempty"` // the commits before it, newest first
	Gone    bool            `json:"x,omitempty"` // deleted; kept for its events and its version
	Pending []pending       `json:"o,omitempty"`
	Trace   string          `json:"t,omitempty"` // W3C traceparent of the commit that last began work on it or announced something of it
	Data    json.RawMessage `json:"d,omitempty"`
}

// pending is the events of one commit, kept in the document that they are
// about until they are published. Its entry is in a journal.
type pending struct {
	Commit string            `json:"c"`
	Entry  string            `json:"e"` // key of the journal entry; gone once the events are published
	Events []json.RawMessage `json:"v"` // CloudEvents
}

// kept is how many commits a document remembers, besides the last: enough that
// a writer whose answer was lost still finds its own after others have written.
const kept = 3

// newCommit gives the ID of a commit, 13 characters.
func newCommit() string { return rand.Text()[:13] }

// encode gives the envelope's JSON. Data is what json.Marshal gave: it is not looked at again.
func (e envelope) encode() ([]byte, error) {
	data := e.Data
	e.Data = nil
	head, err := json.Marshal(e)
	if err != nil || len(data) == 0 {
		return head, err
	}
	b := make([]byte, 0, len(head)+len(data)+len(`,"d":`))
	b = append(append(b, head[:len(head)-1]...), `,"d":`...)
	return append(append(b, data...), '}'), nil
}

// before gives what a new commit remembers of a document's commits.
func (e envelope) before() []string {
	if e.Commit == "" {
		return nil
	}
	past := append([]string{e.Commit}, e.Past...)
	return past[:min(len(past), kept)]
}

// holds says whether a stored document has been written by a commit, and
// perhaps by a few others since.
func holds(value []byte, commit string) bool {
	var e envelope
	if json.Unmarshal(value, &e) != nil {
		return false
	}
	return e.Commit == commit || slices.Contains(e.Past, commit)
}

func (e envelope) eventsOf(commit string) []json.RawMessage {
	i := slices.IndexFunc(e.Pending, func(p pending) bool { return p.Commit == commit })
	if i < 0 {
		return nil
	}
	return e.Pending[i].Events
}
