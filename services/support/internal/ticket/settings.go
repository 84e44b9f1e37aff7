package ticket

import (
	"fmt"
	"slices"
	"time"

	"tienda/internal/fault"
)

// Target is how soon a ticket has to be answered and resolved, counted from its
// opening or reopening by the calendar: nights, weekends and time on hold count.
type Target struct {
	FirstResponse int `json:"first_response_minutes"`
	Resolution    int `json:"resolution_minutes"`
}

// Queue is where the tickets of some categories wait.
type Queue struct {
	Name       string              `json:"name"`
	Categories []Category          `json:"categories"`            // whose new tickets come here
	EscalateTo string              `json:"escalate_to,omitempty"` // the queue that a ticket goes to when it is late; "": stays
	Targets    map[Priority]Target `json:"targets"`
}

// Settings are the shop's rules for tickets.
type Settings struct {
	ReopenDays int     `json:"reopen_days"` // how long after its end a message reopens a ticket; 0: never
	Queues     []Queue `json:"queues"`
	Version    int64   `json:"-"` // 1: the defaults, which nobody has changed
}

// ErrSettingsVersion answers a write that demands another version than the stored.
var ErrSettingsVersion = fault.New(fault.PreconditionFailed, "version_mismatch",
	"The settings have changed since you read them. Read them again.").At("If-Match", "is not the current version")

// Defaults are the settings until an admin makes others.
func Defaults() Settings {
	const hour = 60
	targets := map[Priority]Target{
		Urgent: {hour, 8 * hour}, High: {4 * hour, 24 * hour}, Normal: {24 * hour, 72 * hour}, Low: {48 * hour, 168 * hour},
	}
	q := func(name, to string, about ...Category) Queue {
		return Queue{Name: name, Categories: append([]Category{}, about...), EscalateTo: to, Targets: targets}
	}
	return Settings{ReopenDays: 14, Version: 1, Queues: []Queue{
		q("orders", "escalations", AboutOrder), q("products", "escalations", AboutProduct),
		q("accounts", "escalations", AboutAccount), q("general", "escalations", AboutOther), q("escalations", ""),
	}}
}

// Check gives fault.Unprocessable naming what does not fit together: each name
// and each category stands once, all categories have a queue, who escalates
// names another queue, and a resolution is not due before the first response.
func (s Settings) Check() error {
	var refusal *fault.Error
	refuse := func(at, reason string) {
		if refusal == nil {
			refusal = fault.New(fault.Unprocessable, "settings_refused", "The settings do not fit together.")
		}
		refusal = refusal.At(at, reason)
	}
	names, queueOf := map[string]bool{}, map[Category]string{}
	for i, q := range s.Queues {
		at := fmt.Sprintf("/queues/%d", i)
		if names[q.Name] {
			refuse(at+"/name", "stands twice")
		}
		names[q.Name] = true
		for j, c := range q.Categories {
			if queueOf[c] != "" {
				refuse(fmt.Sprintf("%s/categories/%d", at, j), "has a queue already")
			}
			queueOf[c] = q.Name
		}
		for _, p := range Priorities() {
			if t := q.Targets[p]; t.Resolution < t.FirstResponse {
				refuse(fmt.Sprintf("%s/targets/%s/resolution_minutes", at, p), "is before the first response")
			}
		}
	}
	for i, q := range s.Queues {
		if q.EscalateTo != "" && (q.EscalateTo == q.Name || !names[q.EscalateTo]) {
			refuse(fmt.Sprintf("/queues/%d/escalate_to", i), "is not another queue")
		}
	}
	for _, c := range Categories() {
		if queueOf[c] == "" {
			refuse("/queues", "no queue has the category "+string(c))
		}
	}
	if refusal != nil {
		return refusal
	}
	return nil
}

// queueOf gives the queue of new tickets of a category.
func (s Settings) queueOf(c Category) Queue {
	for _, q := range s.Queues {
		if slices.Contains(q.Categories, c) {
			return q
		}
	}
	return s.Queues[0]
}

func (s Settings) named(name string) (Queue, bool) {
	i := slices.IndexFunc(s.Queues, func(q Queue) bool { return q.Name == name })
	if i < 0 {
		return Queue{}, false
	}
	return s.Queues[i], true
}

// target gives what holds for a ticket; one in a queue that is gone is held to
// the queue of its category.
func (s Settings) target(t *Ticket) Target {
	q, ok := s.named(t.Queue)
	if !ok {
		q = s.queueOf(t.Category)
	}
	return q.Targets[t.Priority]
}

func (s Settings) reopenable(ended, now time.Time) bool {
	return now.Sub(ended) < time.Duration(s.ReopenDays)*24*time.Hour
}
