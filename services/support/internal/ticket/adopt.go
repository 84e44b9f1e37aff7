package ticket

import "time"

// coarse is what another system may have for a status of here, for want of a word.
var coarse = map[Status]Status{StatusOnHold: StatusOpen, StatusResolved: StatusAnswered}

// adopt keeps of the ticket as it is here what a moved one has no word for: who has it, its
// rating, when it ended, as long as it is ended, and a status that has no closer word as long
// as nobody has written since; and of messages that still say the same their IDs, files, and
// authors that nobody named.
func (t *Ticket) adopt(was *Ticket) {
	f := Unsaid{}
	if t.Unsaid != nil {
		f = *t.Unsaid
	}
	if coarse[was.Status] == t.Status && len(was.Messages) == len(t.Messages) {
		f.Status, t.Status = t.Status, was.Status
	}
	if t.AssignedTo == "" {
		t.AssignedTo, f.AssignedTo = was.AssignedTo, was.AssignedTo
	}
	if t.Rating == nil {
		t.Rating, f.Rating = was.Rating, was.Rating
	}
	if t.ResolvedAt == nil && t.Status.Ended() {
		t.ResolvedAt, f.ResolvedAt = was.ResolvedAt, was.ResolvedAt
	}
	if t.ClosedAt == nil && t.Status == StatusClosed {
		t.ClosedAt, f.ClosedAt = was.ClosedAt, was.ClosedAt
	}
	if f.UpdatedAt != nil && was.UpdatedAt.After(*f.UpdatedAt) {
		f.UpdatedAt, t.UpdatedAt = &was.UpdatedAt, was.UpdatedAt
	}
	if f != (Unsaid{}) {
		t.Unsaid = &f
	}
	for i := range t.Messages {
		if i < len(was.Messages) {
			t.Messages[i].adopt(was.Messages[i])
		}
	}
}

func (m *Message) adopt(was Message) {
	if m.Author != was.Author || m.Text != was.Text {
		return
	}
	m.ID, m.Attachments = was.ID, was.Attachments
	if m.Unnamed {
		m.AuthorID = was.AuthorID
	}
}

// keep is what was done about a deadline already. It is quiet all the same: the other
// system is in charge.
func (d *Deadline) keep(was Deadline) {
	d.EscalatedAt = was.EscalatedAt
	if d.MetAt != nil && was.MetAt != nil {
		d.MetAt = was.MetAt
	}
}

// leaveKept leaves out what was kept, and is still the same.
func (f *Unsaid) leaveKept(m *Moved) {
	if f.Status != "" && coarse[m.Status] == f.Status {
		m.Status = f.Status
	}
	if f.AssignedTo == m.AssignedTo {
		m.AssignedTo = ""
	}
	if f.Rating != nil && m.Rating != nil && *f.Rating == *m.Rating {
		m.Rating = nil
	}
	if same(f.ResolvedAt, m.ResolvedAt) {
		m.ResolvedAt = nil
	}
	if same(f.ClosedAt, m.ClosedAt) {
		m.ClosedAt = nil
	}
}

// same says whether two times are there and the same.
func same(a, b *time.Time) bool { return a != nil && b != nil && a.Equal(*b) }
