package mailroom

import (
	"fmt"
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

// A replica that can neither send nor list its letters says so.
func TestCrowded(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	m := New(db)
	require.False(t, m.Crowded(), "nobody sends yet")
	m.Skip(1)
	sender := mail.NewSender(m, nil, nil, time.Now, slog.New(slog.DiscardHandler))
	m.Start(sender)
	for i := range maxWaiting {
		require.False(t, m.Crowded())
		require.NoError(t, m.Post(t.Context(), letter(fmt.Sprint(i))))
	}
	require.True(t, m.Crowded())
	m.Skip(2)
	require.Equal(t, mail.Stats{Waiting: maxWaiting, GivenUp: 2}, sender.Stats())
}

func letter(id string) func(*state.Tx) ([]mail.Letter, error) {
	return func(*state.Tx) ([]mail.Letter, error) {
		return []mail.Letter{{ID: id, To: "ana@example.com", At: time.Now()}}, nil
	}
}

// A letter that is there is not written again, and is one.
func TestPostTwice(t *testing.T) {
	db := state.Open(statetest.NewMemory(), nil, slog.New(slog.DiscardHandler))
	m := New(db)
	sender := mail.NewSender(m, nil, nil, time.Now, slog.New(slog.DiscardHandler))
	m.Start(sender)
	for range 2 {
		require.NoError(t, m.Post(t.Context(), letter("a")))
	}
	require.Equal(t, 1, sender.Stats().Waiting)
	require.Error(t, m.Post(t.Context(), func(*state.Tx) ([]mail.Letter, error) { return nil, mail.ErrFull }))
	require.Equal(t, 1, sender.Stats().Waiting)
}
