package ticket

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/fault"
)

const day = 24 * time.Hour

func TestUrgentIsForAgents(t *testing.T) {
	for _, p := range []Priority{"", Low, Normal, High} {
		_, err := New("t", ana, Draft{Priority: p}, set, now)
		require.NoError(t, err)
	}
	_, err := New("t", ana, Draft{Priority: Urgent}, set, now)
	require.Equal(t, fault.Forbidden, fault.KindOf(err))
	got, err := New("t", agent, Draft{Priority: Urgent}, set, now)
	require.NoError(t, err)
	require.Equal(t, now.Add(time.Hour), got.FirstResponse.Due)
	require.Equal(t, now.Add(8*time.Hour), got.Resolution.Due)
}

// A missed deadline acts once: the priority rises by one, the queue is the one
// that the queue escalates to, and the deadlines stay.
func TestEscalate(t *testing.T) {
	got := read(anas()) // normal: a day, three days
	got.Escalate(set, now.Add(day-time.Nanosecond))
	require.Empty(t, got.Changes())
	require.Equal(t, now.Add(day), got.EscalateAt())

	late := now.Add(day)
	for range 2 {
		got.Escalate(set, late)
		require.Equal(t, High, got.Priority)
		require.Equal(t, "escalations", got.Queue)
		require.Len(t, got.Changes(), 1)
		require.Equal(t, Change{Kind: Escalated, Promise: FirstResponse, Priority: High, Queue: "escalations"}, got.Changes()[0])
	}
	require.Equal(t, now.Add(day), got.Due(), "it is overdue until it is answered")
	require.Equal(t, now.Add(3*day), got.EscalateAt())

	_, err := got.Post(agent, "text", false, set, late)
	require.NoError(t, err)
	require.Equal(t, late, *got.FirstResponse.MetAt)
	require.Equal(t, now.Add(3*day), got.Due())
	got.Escalate(set, now.Add(9*day))
	require.Equal(t, Urgent, got.Priority)
	require.Zero(t, got.EscalateAt())

	require.NoError(t, got.Resolve(agent, 0, set, now.Add(9*day)))
	require.Zero(t, got.Due())
}

// What is answered and ended in time is never escalated; hold does not stop
// the clocks.
func TestInTime(t *testing.T) {
	got := read(anas())
	_, err := got.Post(agent, "a note is no answer", true, set, now)
	require.NoError(t, err)
	require.Nil(t, got.FirstResponse.MetAt)
	_, err = got.Post(agent, "text", false, set, now)
	require.NoError(t, err)
	require.NoError(t, got.Hold(agent, 0, set, now))
	require.Equal(t, now.Add(3*day), got.EscalateAt())
	require.NoError(t, got.Close(ana, 0, set, now.Add(2*day)))
	before := len(got.Changes())
	got.Escalate(set, now.Add(30*day))
	require.Len(t, got.Changes(), before)
	_, on := got.Entry()
	require.False(t, on)
}

func TestReopening(t *testing.T) {
	ended := now.Add(day)
	ways := map[string]func(*Ticket) error{
		"resolved": func(t *Ticket) error { return t.Resolve(agent, 0, set, ended) },
		"closed":   func(t *Ticket) error { return t.Close(ana, 0, set, ended) },
		"closed later": func(t *Ticket) error {
			if err := t.Resolve(agent, 0, set, ended); err != nil {
				return err
			}
			return t.Close(agent, 0, set, ended.Add(5*day))
		},
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			got := read(anas())
			require.NoError(t, end(&got))
			_, err := got.Post(ana, "again", false, set, ended.Add(14*day))
			require.ErrorIs(t, err, ErrOver)
			_, err = got.Post(agent, "again", false, set, ended.Add(14*day))
			require.ErrorIs(t, err, ErrOver)
			require.Len(t, got.Messages, 1)
			_, err = got.Post(agent, "a note", true, set, ended.Add(14*day))
			require.NoError(t, err)
			at := ended.Add(14*day - time.Second)
			_, err = got.Post(ana, "again", false, set, at)
			require.NoError(t, err)
			require.Equal(t, StatusOpen, got.Status)
			require.Nil(t, got.ResolvedAt)
			require.Nil(t, got.ClosedAt)
			require.Equal(t, Deadline{Since: at, Due: at.Add(3 * day)}, got.Resolution)
			require.Equal(t, Deadline{Since: at, Due: at.Add(day)}, got.FirstResponse, "nobody has answered yet")
		})
	}
	never := set
	never.ReopenDays = 0
	got := read(anas())
	require.NoError(t, got.Close(ana, 0, set, now))
	_, err := got.Post(ana, "again", false, never, now)
	require.ErrorIs(t, err, ErrOver)
}

func TestSort(t *testing.T) {
	got := read(anas())
	sortBy := func(in Sorting, version int64) error { return got.Sort(agent, in, version, set, now.Add(time.Hour)) }
	high, queue, tags, nowhere := High, "products", []string{"vip", "fragile"}, "nowhere"
	require.Equal(t, "queue_unknown", fault.CodeOf(sortBy(Sorting{Queue: &nowhere}, 0)))
	require.ErrorIs(t, sortBy(Sorting{Priority: &high}, 7), ErrVersion)
	got = read(anas())
	require.NoError(t, sortBy(Sorting{Priority: &high, Queue: &queue, Tags: &tags}, 1))
	require.Equal(t, []string{"fragile", "vip"}, got.Tags)
	require.Equal(t, now.Add(4*time.Hour), got.FirstResponse.Due, "counted from the opening")
	require.NoError(t, sortBy(Sorting{Priority: &high}, 9), "a repeat")
	require.Len(t, got.Changes(), 1)

	// What was missed stays missed.
	got.Escalate(set, now.Add(5*time.Hour))
	low := Low
	require.NoError(t, sortBy(Sorting{Priority: &low}, 0))
	require.Equal(t, now.Add(4*time.Hour), got.FirstResponse.Due)
	require.Equal(t, now.Add(168*time.Hour), got.Resolution.Due)
}

func TestRate(t *testing.T) {
	got := read(anas())
	require.ErrorIs(t, got.Rate(ana, 5, "", now), ErrNotEnded)
	require.NoError(t, got.Resolve(agent, 0, set, now))
	require.ErrorIs(t, got.Rate(bob, 1, "", now), ErrMissing)
	require.Equal(t, fault.Forbidden, fault.KindOf(got.Rate(agent, 5, "", now)))
	require.NoError(t, got.Rate(ana, 4, "fast", now))
	require.NoError(t, got.Rate(ana, 4, "fast", now.Add(day)))
	require.ErrorIs(t, got.Rate(ana, 5, "fast", now), ErrRated)
	require.Equal(t, Rating{Score: 4, Comment: "fast", At: now}, *got.Rating)
	require.Len(t, got.Changes(), 2)
}

func TestSettings(t *testing.T) {
	require.NoError(t, Defaults().Check())
	tests := []struct {
		name  string
		spoil func(*Settings)
		at    string
	}{
		{"a name twice", func(s *Settings) { s.Queues[1].Name = "orders" }, "/queues/1/name"},
		{"a category twice", func(s *Settings) { s.Queues[1].Categories = []Category{AboutProduct, AboutOrder} }, "/queues/1/categories/1"},
		{"a category without a queue", func(s *Settings) { s.Queues[0].Categories = nil }, "/queues"},
		{"escalates to nowhere", func(s *Settings) { s.Queues[2].EscalateTo = "nowhere" }, "/queues/2/escalate_to"},
		{"escalates to itself", func(s *Settings) { s.Queues[2].EscalateTo = "accounts" }, "/queues/2/escalate_to"},
		{"resolved before it is answered", func(s *Settings) {
			s.Queues[4].Targets = map[Priority]Target{Low: {FirstResponse: 2, Resolution: 1}}
		}, "/queues/4/targets/low/resolution_minutes"},
	}
	for _, tt := range tests {
		s := Defaults()
		tt.spoil(&s)
		err := s.Check()
		require.Equal(t, "settings_refused", fault.CodeOf(err), tt.name)
		require.ErrorContains(t, err, "["+tt.at+":", tt.name)
	}
}
