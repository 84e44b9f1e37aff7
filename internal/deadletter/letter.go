// Package deadletter keeps the events that an app has refused: it hears the
// app's dead-letter topic, stores each letter in the app's own state store, and
// lets admins list, replay and discard them.
//
//	deadletters       the book: which letters there are, in what state
//	deadletter:<id>   a letter: the event as it came, and why it was refused
//
// Every rule is inside the book, one document: a letter's state, who replays it
// just now, how many there are. The letters beside it only carry what is shown,
// so that a store which keeps half of a transaction does no harm.
package deadletter

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"tienda/internal/fault"
	"tienda/internal/state"
)

// State is how far a letter is.
type State string

// The states. A letter that is settled stays so: what comes again of the same
// event has been applied, or was given up.
const (
	Waiting   State = "waiting"
	Replayed  State = "replayed"
	Discarded State = "discarded"
)

// Reason is why the app refused an event: what it answered, which names
// nothing internal.
type Reason struct {
	Code   string        `json:"code"`
	Detail string        `json:"detail,omitempty"`
	Fields []fault.Field `json:"fields,omitempty"`
	At     time.Time     `json:"at"`
}

// letter is what is stored of one event.
type letter struct {
	head
	Event    []byte    `json:"event"` // as it came
	Arrivals int       `json:"arrivals"`
	First    time.Time `json:"first_at"`
	Last     time.Time `json:"last_at"`
	Reason   *Reason   `json:"reason,omitempty"`
}

// head is what a letter's event says about itself; empty where it is no
// CloudEvent. The publishing sidecar wrote topic and component into it.
type head struct {
	EventID string `json:"id"`
	Type    string `json:"type"`
	Source  string `json:"source"`
	Subject string `json:"subject,omitempty"`
	Topic   string `json:"topic"`
	PubSub  string `json:"pubsubname"`
}

var (
	books   = state.Collection[book]{Prefix: "deadletters"}
	letters = state.Collection[letter]{Prefix: "deadletter:"}
)

// namespace of the letters' IDs.
var namespace = uuid.MustParse("5e0d3a8e-8f0b-4b57-9a8f-6d1c2f1f5c11")

// open reads an event and gives the ID of its letter: the same for every
// delivery of one event, which its source and ID name.
func open(event []byte) (id string, h head) {
	if json.Unmarshal(event, &h) != nil {
		h = head{}
	}
	name := append([]byte("event\n"), event...)
	if h.EventID != "" {
		name = []byte("id\n" + h.Source + "\n" + h.EventID)
	}
	return uuid.NewSHA1(namespace, name).String(), h
}

// unwrap gives the message that a sidecar has delivered. The subscription asks
// for raw payloads, so that what is no CloudEvent comes through as well: the
// bytes lie in data_base64 of an envelope that the sidecar made.
func unwrap(body []byte) []byte {
	var envelope struct {
		Data string `json:"data_base64"`
	}
	if json.Unmarshal(body, &envelope) != nil || envelope.Data == "" {
		return body
	}
	raw, err := base64.StdEncoding.DecodeString(envelope.Data)
	if err != nil {
		return body
	}
	return raw
}
