package mailroom

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tienda/internal/mail"
	"tienda/internal/state"
	"tienda/internal/state/statetest"
)

// A full list refuses more, and says so.
func TestAFullList(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	m := New(db)
	full := list{Due: map[string]time.Time{}}
	for i := range linesOfPage {
		full.Due[time.Unix(int64(i), 0).String()] = time.Now()
	}
	require.NoError(t, db.Update(t.Context(), func(tx *state.Tx) error { return lists.Put(tx, pageOf("x"), full) }))
	require.ErrorIs(t, m.List(t.Context(), "x"), mail.ErrFull)
	ids, listed, err := m.Due(t.Context(), time.Now(), 10)
	require.NoError(t, err)
	require.Len(t, ids, 10)
	require.Equal(t, linesOfPage, listed)
}

// What was sent is known for the time that the queue says: the same letter is
// not written again, whoever asks for it.
func TestRemembering(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	var awake []string
	m := Remembering(db, 25*time.Hour)
	m.Start(func(_ context.Context, ids ...string) { awake = append(awake, ids...) })
	l := mail.Letter{ID: "a", Kind: "k", To: "ana@example.com", At: time.Now().UTC()}
	for range 2 {
		require.NoError(t, m.Post(t.Context(), l))
	}
	require.Equal(t, []string{"a"}, awake, "the first one's sender knows it")
	got, mine, err := m.Claim(t.Context(), "a", time.Now(), time.Now())
	require.NoError(t, err)
	require.True(t, mine)
	require.Equal(t, l, got)
	for range 2 {
		require.NoError(t, m.Done(t.Context(), "a"))
	}
	require.NoError(t, m.Post(t.Context(), l))
	require.NoError(t, m.Postpone(t.Context(), l, time.Now()), "the try of somebody who was paused")
	_, _, err = m.Claim(t.Context(), "a", time.Now(), time.Now())
	require.ErrorIs(t, err, mail.ErrGone)
	require.Equal(t, []string{"a"}, awake)
	require.NoError(t, db.View(t.Context(), func(tx *state.Tx) error {
		kept, _, err := letters.Get(tx, "a")
		require.True(t, kept.Sent)
		require.Empty(t, kept.To, "and to whom is not kept")
		return err
	}))
}
