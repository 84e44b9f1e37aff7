package ticket

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/internal/caller"
)

// conversation is a ticket of ana's with a message of hers, an answer and a note.
func conversation(t *testing.T) Ticket {
	t.Helper()
	tk, err := New("t", caller.Caller{UserID: "ana"}, Draft{Subject: "s", Text: "m"}, Defaults(), now)
	require.NoError(t, err)
	for _, internal := range []bool{false, true} {
		_, err = tk.Post(agent, "text", internal, Defaults(), now)
		require.NoError(t, err)
	}
	tk.changes = nil
	return tk
}

func TestWhoAttaches(t *testing.T) {
	other := caller.Caller{UserID: "agent2", Roles: []caller.Role{caller.SupportAgent}}
	tests := []struct {
		name    string
		who     caller.Caller
		message int // -1: none
		want    error
	}{
		{"the customer, to her own", caller.Caller{UserID: "ana"}, 0, nil},
		{"the customer, to the answer", caller.Caller{UserID: "ana"}, 1, ErrNotAuthor},
		{"the customer, to a note", caller.Caller{UserID: "ana"}, 2, ErrNoMessage},
		{"another customer", caller.Caller{UserID: "bob"}, 0, ErrMissing},
		{"the agent, to the answer", agent, 1, nil},
		{"the agent, to the note", agent, 2, nil},
		{"another agent", other, 1, ErrNotAuthor},
		{"to no message", agent, -1, ErrNoMessage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tk, id := conversation(t), "none"
			if tt.message >= 0 {
				id = tk.Messages[tt.message].ID
			}
			a := NewAttachment("a", "a.txt", "text/plain", []byte("text"))
			_, err := tk.Attach(tt.who, id, a, now)
			require.ErrorIs(t, err, tt.want)
			if tt.want != nil {
				require.Empty(t, tk.Changes())
				return
			}
			require.Len(t, tk.Messages[tt.message].Attachments, 1)
			again, err := tk.Attach(tt.who, id, a, now.AddDate(0, 0, 1))
			require.NoError(t, err)
			require.Equal(t, now, again.CreatedAt)
			require.Len(t, tk.Changes(), 1, "a repeat")
			b := NewAttachment("a", "a.txt", "text/plain", []byte("other"))
			_, err = tk.Attach(tt.who, id, b, now)
			require.ErrorIs(t, err, ErrOtherFile)
			require.NotEqual(t, a.key("t"), b.key("t"), "what is stored is not written over")
			require.NotEqual(t, a.key("t"), a.key("u"))
			require.Regexp(t, "^[0-9a-f]{64}$", a.key("../../etc"))
		})
	}
}

func TestSoManyFiles(t *testing.T) {
	tk := conversation(t)
	for i := range MaxFilesTicket {
		if i%MaxFilesMessage == 0 {
			_, err := tk.Post(agent, "m", false, Defaults(), now)
			require.NoError(t, err)
		}
		m := tk.Messages[len(tk.Messages)-1].ID
		_, err := tk.Attach(agent, m, NewAttachment(fmt.Sprint(i), "a", "image/png", nil), now)
		require.NoError(t, err)
		if (i+1)%MaxFilesMessage == 0 {
			_, err = tk.Attach(agent, m, NewAttachment("x", "a", "image/png", nil), now)
			require.ErrorIs(t, err, ErrFiles)
		}
	}
	m, err := tk.Post(agent, "m", false, Defaults(), now)
	require.NoError(t, err)
	_, err = tk.Attach(agent, m.ID, NewAttachment("x", "a", "image/png", nil), now)
	require.ErrorIs(t, err, ErrFiles)
	require.NoError(t, tk.Resolve(agent, 0, Defaults(), now))
	_, err = tk.Attach(agent, m.ID, NewAttachment("x", "a", "image/png", nil), now)
	require.ErrorIs(t, err, ErrEnded)
}
