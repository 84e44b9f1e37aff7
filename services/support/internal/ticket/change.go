package ticket

import (
	"slices"
	"time"

	"tienda/internal/caller"
	"tienda/internal/fault"
)

// Post adds a message and moves the status. What has ended is opened again by
// either side's message within the days of the settings, then ErrOver; an
// internal message is always taken and moves nothing.
func (t *Ticket) Post(who caller.Caller, text string, internal bool, s Settings, now time.Time) (Message, error) {
	if err := t.VisibleTo(who); err != nil {
		return Message{}, err
	}
	if internal && !who.Is(caller.SupportAgent) {
		return Message{}, ErrInternal
	}
	size := len(text)
	for _, m := range t.Messages {
		size += len(m.Text)
	}
	if len(t.Messages) >= MaxMessages || size > MaxTextBytes {
		return Message{}, ErrFull
	}
	author, kind, act := ByAgent, Answered, AgentWrites
	switch {
	case internal:
		kind = Noted
	case who.UserID == t.CustomerID:
		author, act = ByCustomer, CustomerWrites
	}
	if !internal {
		if err := t.move(act, s, now); err != nil {
			return Message{}, err
		}
		if act == AgentWrites {
			t.FirstResponse.meet(now)
		}
	}
	m := newMessage(author, who, text, internal, now)
	t.Messages = append(t.Messages, m)
	t.record(Change{Kind: kind, Message: m, By: who.UserID}, now)
	return m, nil
}

// move enters the status that an act leads to, and keeps the clocks in step.
func (t *Ticket) move(a Act, s Settings, now time.Time) error {
	to, err := t.Status.After(a)
	if err != nil {
		return err
	}
	reopens := t.Status.Ended() && !to.Ended()
	if reopens && !s.reopenable(t.endedAt(), now) {
		return ErrOver
	}
	t.Status = to
	switch {
	case to == StatusResolved:
		t.ResolvedAt = &now
	case to == StatusClosed:
		t.ClosedAt = &now
	case reopens:
		t.ResolvedAt, t.ClosedAt = nil, nil
		t.beginClocks(s, now)
	}
	if to.Ended() {
		t.Resolution.meet(now)
	}
	return nil
}

// endedAt is when there was nothing left to do: closing what was resolved does
// not make it later.
func (t *Ticket) endedAt() time.Time {
	switch {
	case t.ResolvedAt != nil:
		return *t.ResolvedAt
	case t.ClosedAt != nil:
		return *t.ClosedAt
	default:
		return t.UpdatedAt
	}
}

// Assign gives the ticket to an agent, "" taking it from who has it; to the one
// who has it: no change, whatever version the repeat of a request names.
func (t *Ticket) Assign(who caller.Caller, agentID string, version int64, now time.Time) error {
	if t.Status != StatusClosed && t.AssignedTo == agentID {
		return nil
	}
	if err := t.current(version); err != nil {
		return err
	}
	if t.Status == StatusClosed {
		return ErrClosed
	}
	t.AssignedTo = agentID
	t.record(Change{Kind: Assigned, By: who.UserID}, now)
	return nil
}

// enter is an act of a person; a ticket that is in its status already stays as
// it is, whatever version the repeat of a request names.
func (t *Ticket) enter(who caller.Caller, a Act, kind Kind, version int64, s Settings, now time.Time) error {
	if err := t.VisibleTo(who); err != nil {
		return err
	}
	if to, err := t.Status.After(a); err == nil && to == t.Status {
		return nil
	}
	if err := t.current(version); err != nil {
		return err
	}
	if err := t.move(a, s, now); err != nil {
		return err
	}
	t.record(Change{Kind: kind, By: who.UserID}, now)
	return nil
}

// Hold says that the ticket waits for something other than an answer.
func (t *Ticket) Hold(who caller.Caller, version int64, s Settings, now time.Time) error {
	return t.enter(who, Hold, Sorted, version, s, now)
}

// Resolve says that an agent has done what there was to do.
func (t *Ticket) Resolve(who caller.Caller, version int64, s Settings, now time.Time) error {
	return t.enter(who, Resolve, Resolved, version, s, now)
}

// Close ends the conversation.
func (t *Ticket) Close(who caller.Caller, version int64, s Settings, now time.Time) error {
	return t.enter(who, Close, Closed, version, s, now)
}

// Sorting is how an agent files a ticket; nil leaves a part as it is.
type Sorting struct {
	Priority *Priority
	Queue    *string
	Tags     *[]string
}

// Sort files a ticket. Deadlines that are neither met nor missed are counted
// anew, from when they began, by the new priority and queue.
func (t *Ticket) Sort(who caller.Caller, in Sorting, version int64, s Settings, now time.Time) error {
	if in.Queue != nil {
		if _, ok := s.named(*in.Queue); !ok {
			return fault.New(fault.Unprocessable, "queue_unknown", "There is no such queue.").At("/queue", "is not a queue of the settings")
		}
	}
	was := *t
	if in.Priority != nil {
		t.Priority = *in.Priority
	}
	if in.Queue != nil {
		t.Queue = *in.Queue
	}
	if in.Tags != nil {
		t.Tags = slices.Sorted(slices.Values(*in.Tags))
	}
	if was.Priority == t.Priority && was.Queue == t.Queue && slices.Equal(was.Tags, t.Tags) {
		return nil
	}
	if err := was.current(version); err != nil {
		return err
	}
	if was.Priority != t.Priority || was.Queue != t.Queue {
		t.moveClocks(s)
	}
	t.record(Change{Kind: Sorted, By: who.UserID}, now)
	return nil
}

func (t *Ticket) current(version int64) error {
	if version != 0 && version != t.Version {
		return ErrVersion
	}
	return nil
}

func (t *Ticket) record(c Change, now time.Time) {
	t.UpdatedAt = now
	t.changes = append(t.changes, c)
}
