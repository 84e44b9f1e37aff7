package ticket

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
	"tienda/internal/origin"
)

// A moved ticket says when it was due, whether it was answered in time, and is never
// escalated, whatever becomes of its priority. Reopened here, it has a clock that acts.
func TestDeadlinesOfAMovedTicketAreQuiet(t *testing.T) {
	made := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	staff := caller.Caller{UserID: "agent", Roles: []caller.Role{caller.SupportAgent}}
	yes := true
	m := Moved{CustomerID: "ana", Subject: "s", Status: StatusAnswered, CreatedAt: made, Messages: []MovedMessage{
		{Author: ByCustomer, Text: "a", CreatedAt: made},
		{Author: ByAgent, Text: "b", Internal: &yes, CreatedAt: made.Add(time.Hour)},
		{Author: ByAgent, Text: "c", CreatedAt: made.Add(2 * time.Hour)},
	}}
	tk, err := m.Ticket("id", origin.Source{Key: "tickets:1", Position: 1}, nil, false, Defaults())
	require.NoError(t, err)
	require.Equal(t, made.Add(2*time.Hour), *tk.FirstResponse.MetAt, "by what the customer saw")
	require.Equal(t, made.Add(72*time.Hour), tk.Due())
	now := made.AddDate(1, 0, 0)
	requireQuiet := func() {
		t.Helper()
		before := len(tk.Changes())
		require.Zero(t, tk.EscalateAt())
		tk.Escalate(Defaults(), now)
		require.Len(t, tk.Changes(), before)
	}
	requireQuiet()
	high := High
	require.NoError(t, tk.Sort(staff, Sorting{Priority: &high}, 0, Defaults(), now))
	require.Equal(t, made.Add(24*time.Hour), tk.Due())
	requireQuiet()
	require.NoError(t, tk.Close(staff, 0, Defaults(), now))
	require.Equal(t, now, *tk.Resolution.MetAt)

	_, err = tk.Post(caller.Caller{UserID: "ana"}, "again", false, Defaults(), now.Add(time.Hour))
	require.NoError(t, err)
	require.Equal(t, made.Add(2*time.Hour), *tk.FirstResponse.MetAt)
	require.Equal(t, now.Add(25*time.Hour), tk.EscalateAt())
	tk.Escalate(Defaults(), now.Add(48*time.Hour))
	require.Equal(t, Urgent, tk.Priority)
}

// What is here of a ticket and not of where it comes from outlives the next state of it.
func TestWhatAMovedTicketKeeps(t *testing.T) {
	made := time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)
	m := Moved{CustomerID: "ana", Subject: "s", Status: StatusOpen, CreatedAt: made, Messages: []MovedMessage{
		{Author: ByCustomer, Text: "a", CreatedAt: made}, {Author: ByCustomer, Text: "b", CreatedAt: made},
	}}
	was, err := m.Ticket("id", origin.Source{Position: 1}, nil, false, Defaults())
	require.NoError(t, err)
	was.Queue, was.Tags, was.FollowUpOf = "escalations", []string{"vip"}, "other"
	for i := range was.Messages {
		was.Messages[i].Attachments = []Attachment{{ID: "file"}}
	}
	m.Messages[1].Text = "b, put right"
	is, err := m.Ticket("id", origin.Source{Position: 2}, &was, false, Defaults())
	require.NoError(t, err)
	require.Equal(t, was.Queue, is.Queue)
	require.Equal(t, was.Tags, is.Tags)
	require.Equal(t, was.FollowUpOf, is.FollowUpOf)
	require.Equal(t, was.Messages[0], is.Messages[0])
	require.Empty(t, is.Messages[1].Attachments)
	m.Category = AboutProduct
	is, err = m.Ticket("id", origin.Source{Position: 3}, &is, false, Defaults())
	require.NoError(t, err)
	require.Equal(t, "products", is.Queue)

	was.Origin = nil
	_, err = m.Ticket("id", origin.Source{Position: 4}, &was, false, Defaults())
	require.ErrorIs(t, err, errMadeHere)
}
