// Package event is the announcements between services: CloudEvents 1.0 over
// the sidecar's pub/sub.
//
// There is one topic for each owning service, named like it, and one pub/sub
// component for each topic, named "events-<topic>". Types that no service of the
// shop acts on go to the topic "<app>-log" of the same component, so that they
// cost the others nothing. The kind of event is the CloudEvent's type ("tienda.orders.confirmed"). Delivery is at least once
// and unordered: an event carries the version of the document it is about,
// and a consumer ignores what it has already applied.
package event

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ContentType is what events are published as, so that the sidecar takes the
// envelope as it is.
const ContentType = "application/cloudevents+json"

// Event is one announcement. Its JSON form is the CloudEvent.
type Event struct {
	ID      string    // UUIDv7; the same for every delivery
	Type    string    // "tienda.<topic>.<what>"
	Source  string    // the app ID; also the topic
	Subject string    // the ID of the document that changed
	Time    time.Time // of the change, UTC
	Version int64     // the document's version after the change
	Data    any       // as contracts/events has it for the type
	// The trace of the commit that has announced it (W3C); "": it has none. It is filled in
	// by the commit.
	TraceParent, TraceState string
}

// New gives an event of an app about one of its documents; the version is
// filled in by the commit (package state).
func New(app, what, subject string, data any) Event {
	return Event{
		ID: uuid.Must(uuid.NewV7()).String(), Type: "tienda." + app + "." + what,
		Source: app, Subject: subject, Time: time.Now().UTC(), Data: data,
	}
}

type wire struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Type            string          `json:"type"`
	Source          string          `json:"source"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype"`
	Version         int64           `json:"docversion"`
	TraceParent     string          `json:"traceparent,omitempty"`
	TraceID         string          `json:"traceid,omitempty"` // the same: only where it is there, too, a sidecar leaves both as they are
	TraceState      string          `json:"tracestate,omitempty"`
	Data            json.RawMessage `json:"data"`
}

// MarshalJSON gives the CloudEvent, in structured mode.
func (e Event) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(e.Data)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.Type, err)
	}
	return json.Marshal(wire{
		SpecVersion: "1.0", ID: e.ID, Type: e.Type, Source: e.Source, Subject: e.Subject,
		Time: e.Time, DataContentType: "application/json", Version: e.Version,
		TraceParent: e.TraceParent, TraceID: e.TraceParent, TraceState: e.TraceState, Data: data,
	})
}

// Received is an event as a consumer gets it: the data is still JSON.
type Received struct {
	Event
	Raw json.RawMessage
}

// UnmarshalJSON reads a CloudEvent. The version may come as a number or, from
// brokers that turn extensions into strings, as a string of digits.
func (r *Received) UnmarshalJSON(b []byte) error {
	var w struct {
		wire
		Version json.Number `json:"docversion"`
	}
	if err := json.Unmarshal(b, &w); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	if w.ID == "" || w.Type == "" {
		return fmt.Errorf("event: no id or no type")
	}
	version, _ := w.Version.Int64() // absent: 0, which no consumer has applied
	r.Event = Event{ID: w.ID, Type: w.Type, Source: w.Source, Subject: w.Subject, Time: w.Time, Version: version, TraceParent: w.TraceParent, TraceState: w.TraceState}
	r.Raw = w.Data
	return nil
}

// Decode reads the event's data.
func (r Received) Decode(into any) error {
	if err := json.Unmarshal(r.Raw, into); err != nil {
		return fmt.Errorf("event %s %s: %w", r.Type, r.ID, err)
	}
	return nil
}
