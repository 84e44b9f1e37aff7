package ticket

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

var (
	ana   = caller.Caller{UserID: "ana", Roles: []caller.Role{caller.Customer}}
	bob   = caller.Caller{UserID: "bob", Roles: []caller.Role{caller.Customer}}
	agent = caller.Caller{UserID: "agent", Roles: []caller.Role{caller.SupportAgent}}
	boss  = caller.Caller{UserID: "boss", Roles: []caller.Role{caller.Admin}}
	now   = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
)

var set = Defaults()

func anas() Ticket {
	return opened(ana, Draft{Subject: "Lamp", Text: "It is broken.", OrderID: "order-1"})
}

func opened(who caller.Caller, d Draft) Ticket {
	t, err := New("ticket", who, d, set, now)
	if err != nil {
		panic(err)
	}
	return t
}

// read gives the ticket as a store would: without changes.
func read(t Ticket) Ticket {
	t.changes, t.Version = nil, 1
	return t
}

func TestNew(t *testing.T) {
	got := anas()
	require.Equal(t, AboutOrder, got.Category)
	require.Equal(t, AboutOther, opened(ana, Draft{}).Category)
	require.Equal(t, AboutAccount, opened(ana, Draft{Category: AboutAccount, OrderID: "order-1"}).Category)
	require.Equal(t, StatusOpen, got.Status)
	require.Len(t, got.Messages, 1)
	require.Equal(t, Opened, got.Changes()[0].Kind)
}

func TestStatusFollowsTheConversation(t *testing.T) {
	type step struct {
		who      caller.Caller
		internal bool
		close    bool
	}
	tests := []struct {
		name  string
		steps []step
		want  Status
		kinds []Kind
	}{
		{"agent answers", []step{{who: agent}}, StatusAnswered, []Kind{Answered}},
		{"admin answers", []step{{who: boss}}, StatusAnswered, []Kind{Answered}},
		{"customer comes back", []step{{who: agent}, {who: ana}}, StatusOpen, []Kind{Answered, Answered}},
		{"a note changes nothing", []step{{who: agent, internal: true}}, StatusOpen, []Kind{Noted}},
		{"owner closes", []step{{who: ana, close: true}}, StatusClosed, []Kind{Closed}},
		{"closed twice is closed once", []step{{who: agent, close: true}, {who: ana, close: true}}, StatusClosed, []Kind{Closed}},
		{"customer reopens", []step{{who: agent, close: true}, {who: ana}}, StatusOpen, []Kind{Closed, Answered}},
		{"a note does not reopen", []step{{who: agent, close: true}, {who: agent, internal: true}}, StatusClosed, []Kind{Closed, Noted}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := read(anas())
			for _, s := range tt.steps {
				if s.close {
					require.NoError(t, got.Close(s.who, 0, set, now))
					continue
				}
				_, err := got.Post(s.who, "text", s.internal, set, now)
				require.NoError(t, err)
			}
			require.Equal(t, tt.want, got.Status)
			require.Equal(t, tt.want == StatusClosed, got.ClosedAt != nil)
			var kinds []Kind
			for _, c := range got.Changes() {
				kinds = append(kinds, c.Kind)
			}
			require.Equal(t, tt.kinds, kinds)
		})
	}
}

func TestWhoSeesAndWrites(t *testing.T) {
	got := read(anas())
	require.NoError(t, got.VisibleTo(ana))
	require.NoError(t, got.VisibleTo(agent))
	require.ErrorIs(t, got.VisibleTo(bob), ErrMissing)
	require.ErrorIs(t, got.VisibleTo(caller.Caller{}), ErrMissing)
	_, err := got.Post(bob, "let me in", false, set, now)
	require.ErrorIs(t, err, ErrMissing)
	_, err = got.Post(ana, "secret", true, set, now)
	require.ErrorIs(t, err, ErrInternal)
	require.ErrorIs(t, got.Close(bob, 0, set, now), ErrMissing)
	require.Empty(t, got.Changes())
	_, err = got.Post(agent, "she is right", true, set, now)
	require.NoError(t, err)
	require.Len(t, got.MessagesFor(ana), 1)
	require.Len(t, got.MessagesFor(agent), 2)
}

func TestLimits(t *testing.T) {
	many := read(anas())
	for range MaxMessages - 1 {
		_, err := many.Post(ana, "again", false, set, now)
		require.NoError(t, err)
	}
	_, err := many.Post(ana, "one too many", false, set, now)
	require.ErrorIs(t, err, ErrFull)
	require.Len(t, many.Messages, MaxMessages)

	long := read(anas())
	_, err = long.Post(ana, strings.Repeat("x", MaxTextBytes), false, set, now)
	require.ErrorIs(t, err, ErrFull)
}

func TestAssign(t *testing.T) {
	got := read(anas())
	require.ErrorIs(t, got.Assign(agent, "agent", 7, now), ErrVersion)
	require.NoError(t, got.Assign(agent, "agent", 1, now))
	require.NoError(t, got.Assign(boss, "agent", 0, now))
	require.NoError(t, got.Assign(agent, "agent", 7, now), "a repeat names the version that was read before")
	require.Len(t, got.Changes(), 1, "the one who has it gets it again")
	require.NoError(t, got.Close(agent, 0, set, now))
	require.ErrorIs(t, got.Assign(boss, "boss", 0, now), ErrClosed)
	require.NoError(t, got.Close(agent, 9, set, now), "so does this one")
	require.Len(t, got.Changes(), 2)
	other := read(anas())
	require.ErrorIs(t, other.Close(agent, 9, set, now), ErrVersion)
}

func TestQuery(t *testing.T) {
	nobody, someone := "", "agent"
	one := anas()
	require.True(t, Query{}.Match(one))
	require.True(t, Query{CustomerID: "ana", Status: StatusOpen, AssignedTo: &nobody}.Match(one))
	require.False(t, Query{CustomerID: "bob"}.Match(one))
	require.False(t, Query{Status: StatusClosed}.Match(one))
	require.False(t, Query{AssignedTo: &someone}.Match(one))
}
