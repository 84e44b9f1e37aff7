package ticket

import (
	"cmp"
	"slices"
	"time"
)

// Entry is a ticket that has not ended, as the board has it: enough to find,
// filter, order and count without reading the ticket.
type Entry struct {
	ID         string    `json:"i"`
	Queue      string    `json:"q"`
	Priority   Priority  `json:"p"`
	Status     Status    `json:"s"`
	AssignedTo string    `json:"a,omitempty"`
	Tags       []string  `json:"t,omitempty"`
	Due        time.Time `json:"d,omitzero"` // the first deadline that is not met
	EscalateAt time.Time `json:"e,omitzero"`
}

// Entry gives what the board has to have of the ticket; false: nothing, it has
// ended.
func (t *Ticket) Entry() (Entry, bool) {
	return Entry{
		ID: t.ID, Queue: t.Queue, Priority: t.Priority, Status: t.Status, AssignedTo: t.AssignedTo, Tags: t.Tags,
		Due: t.Due(), EscalateAt: t.EscalateAt(),
	}, !t.Status.Ended()
}

// Equal says whether two entries say the same.
func (e Entry) Equal(o Entry) bool {
	return e.ID == o.ID && e.Queue == o.Queue && e.Priority == o.Priority && e.Status == o.Status && e.AssignedTo == o.AssignedTo &&
		slices.Equal(e.Tags, o.Tags) && e.Due.Equal(o.Due) && e.EscalateAt.Equal(o.EscalateAt)
}

// Overdue says whether a deadline has passed.
func (e Entry) Overdue(now time.Time) bool { return !e.Due.IsZero() && !now.Before(e.Due) }

// Work selects entries of the board; zero values select all.
type Work struct {
	Queue      string
	Priority   Priority
	Status     Status
	Tag        string
	AssignedTo *string // an agent, or "" for nobody
	Overdue    *bool
}

// Match says whether an entry is selected.
func (w Work) Match(e Entry, now time.Time) bool {
	return (w.Queue == "" || w.Queue == e.Queue) && (w.Priority == "" || w.Priority == e.Priority) &&
		(w.Status == "" || w.Status == e.Status) && (w.Tag == "" || slices.Contains(e.Tags, w.Tag)) &&
		(w.AssignedTo == nil || *w.AssignedTo == e.AssignedTo) && (w.Overdue == nil || *w.Overdue == e.Overdue(now))
}

// place is where an entry stands in the worklist, and the cursor of it.
type place struct {
	Rank int    `json:"r"`
	Due  int64  `json:"d"` // in ms since 1970; noDue: none
	ID   string `json:"i"`
}

const noDue = 1 << 53

func (e Entry) place() place {
	p := place{Rank: e.Priority.rank(), Due: noDue, ID: e.ID}
	if !e.Due.IsZero() {
		p.Due = e.Due.UnixMilli()
	}
	return p
}

// compare puts the most urgent first, then what is due first.
func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(o.Rank, p.Rank), cmp.Compare(p.Due, o.Due), cmp.Compare(p.ID, o.ID))
}

// pick gives the selected entries behind a place, most urgent first, at most
// limit, and whether there are more.
func pick(board []Entry, w Work, after place, limit int, now time.Time) (out []Entry, more bool) {
	for _, e := range board {
		if w.Match(e, now) && (after.ID == "" || after.compare(e.place()) < 0) {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entry) int { return a.place().compare(b.place()) })
	if len(out) > limit {
		return out[:limit], true
	}
	return out, false
}

// Count is how many tickets of a queue have not ended.
type Count struct {
	Queue      string
	ByStatus   map[Status]int
	Unassigned int
	Overdue    int
}

// Tally counts the board by queue: those of the settings in their order, then
// queues that are gone and still have tickets, by name.
func Tally(board []Entry, s Settings, now time.Time) []Count {
	var out []Count
	at := map[string]int{}
	add := func(name string) {
		at[name] = len(out)
		out = append(out, Count{Queue: name, ByStatus: map[Status]int{}})
	}
	for _, q := range s.Queues {
		add(q.Name)
	}
	slices.SortFunc(board, func(a, b Entry) int { return cmp.Compare(a.Queue, b.Queue) })
	for _, e := range board {
		if _, ok := at[e.Queue]; !ok {
			add(e.Queue)
		}
		c := &out[at[e.Queue]]
		c.ByStatus[e.Status]++
		if e.AssignedTo == "" {
			c.Unassigned++
		}
		if e.Overdue(now) {
			c.Overdue++
		}
	}
	return out
}
