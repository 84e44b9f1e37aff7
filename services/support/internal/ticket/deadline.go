package ticket

import "time"

// Deadline is a promise of a ticket: when it is due, whether it was kept, and
// whether it was missed and acted on. The zero Deadline is no promise.
type Deadline struct {
	Since       time.Time  `json:"since"` // when the clock began
	Due         time.Time  `json:"due"`
	MetAt       *time.Time `json:"met_at,omitempty"`
	EscalatedAt *time.Time `json:"escalated_at,omitempty"`
	// Quiet is of one that began in another system: it shows that the ticket is late,
	// and nothing is done about it.
	Quiet bool `json:"quiet,omitempty"`
}

// Promise names a deadline.
type Promise string

// The promises.
const (
	FirstResponse Promise = "first_response"
	Resolution    Promise = "resolution"
)

func (d *Deadline) waits() bool { return !d.Due.IsZero() && d.MetAt == nil }

// acts says whether missing it is still to be acted on.
func (d *Deadline) acts() bool { return d.waits() && d.EscalatedAt == nil && !d.Quiet }

func (d *Deadline) begin(now time.Time, minutes int) {
	*d = Deadline{Since: now, Due: now.Add(time.Duration(minutes) * time.Minute)}
}

func (d *Deadline) meet(now time.Time) {
	if d.waits() {
		d.MetAt = &now
	}
}

// move gives a deadline that is neither met nor missed another length.
func (d *Deadline) move(minutes int) {
	if d.waits() && d.EscalatedAt == nil {
		d.Due = d.Since.Add(time.Duration(minutes) * time.Minute)
	}
}

// beginClocks starts the deadlines of a new or reopened ticket. A first
// response that was given stays given.
func (t *Ticket) beginClocks(s Settings, now time.Time) {
	target := s.target(t)
	if t.FirstResponse.MetAt == nil {
		t.FirstResponse.begin(now, target.FirstResponse)
	}
	t.Resolution.begin(now, target.Resolution)
}

func (t *Ticket) moveClocks(s Settings) {
	target := s.target(t)
	t.FirstResponse.move(target.FirstResponse)
	t.Resolution.move(target.Resolution)
}

// Due gives the first deadline that is not met; zero: none, or it has ended.
func (t *Ticket) Due() time.Time { return t.first((*Deadline).waits) }

// EscalateAt gives when the ticket is to be escalated next; zero: never.
func (t *Ticket) EscalateAt() time.Time {
	return t.first((*Deadline).acts)
}

func (t *Ticket) first(counts func(*Deadline) bool) (at time.Time) {
	if t.Status.Ended() {
		return at
	}
	for _, d := range []*Deadline{&t.FirstResponse, &t.Resolution} {
		if counts(d) && (at.IsZero() || d.Due.Before(at)) {
			at = d.Due
		}
	}
	return at
}

// Escalate acts on each deadline that was missed and not acted on yet: the
// priority rises by one, and the ticket goes to the queue that its queue
// escalates to. Its deadlines stay. That it was done is in the ticket, so that
// it is done once, whoever looks and however often.
func (t *Ticket) Escalate(s Settings, now time.Time) {
	if t.Status.Ended() {
		return
	}
	for _, p := range []Promise{FirstResponse, Resolution} {
		d := t.deadline(p)
		if !d.acts() || now.Before(d.Due) {
			continue
		}
		d.EscalatedAt = &now
		t.Priority = t.Priority.raised()
		if q, ok := s.named(t.Queue); ok && q.EscalateTo != "" {
			t.Queue = q.EscalateTo
		}
		t.record(Change{Kind: Escalated, Promise: p, Priority: t.Priority, Queue: t.Queue}, now)
	}
}

func (t *Ticket) deadline(p Promise) *Deadline {
	if p == FirstResponse {
		return &t.FirstResponse
	}
	return &t.Resolution
}
