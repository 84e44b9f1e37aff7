package events

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tienda/contracts"
	"tienda/services/support/internal/letters"
)

type postbox struct {
	got []letters.News
	err error
}

func (p *postbox) Post(_ context.Context, all []letters.News) error {
	p.got = append(p.got, all...)
	return p.err
}

// Of the golden example of each event, what the customer is written; what has no
// line here is written to nobody.
func TestWhatCustomersAreWritten(t *testing.T) {
	want := map[string]string{
		"ticket_answered":           ticketID + ":ticket_answered:0198d2b0-3333-7000-8000-000000000003",
		"return_approved":           orderID + ":return_approved:" + returnID,
		"label_set":                 orderID + ":return_labelled:" + returnID + ":3",
		"return_rejected":           orderID + ":return_rejected:" + returnID,
		"return_partially_received": orderID + ":return_part:" + returnID + ":0198d2b0-4444-7000-8000-000000000004",
		"return_received":           orderID + ":return_received:" + returnID,
	}
	files, err := fs.Glob(contracts.FS, "examples/events/tienda.support.*.json")
	require.NoError(t, err)
	require.Greater(t, len(files), len(want))
	for _, f := range files {
		raw, err := contracts.FS.ReadFile(f)
		require.NoError(t, err)
		var p postbox
		require.NoError(t, Write(&p)(t.Context(), [][]byte{raw}))
		name := strings.TrimSuffix(strings.TrimPrefix(f, "examples/events/tienda.support."), ".json")
		if want[name] == "" {
			require.Empty(t, p.got, name)
			continue
		}
		require.Len(t, p.got, 1, name)
		require.Equal(t, want[name], p.got[0].ID())
		require.False(t, p.got[0].At.IsZero())
	}
}

func TestCustomersAreNotWrittenOfTheirOwnMessages(t *testing.T) {
	raw, err := contracts.FS.ReadFile("examples/events/tienda.support.ticket_answered.json")
	require.NoError(t, err)
	var e map[string]any
	require.NoError(t, json.Unmarshal(raw, &e))
	e["data"].(map[string]any)["by"] = "customer"
	own, err := json.Marshal(e)
	require.NoError(t, err)
	p := postbox{err: errors.New("store away")}
	require.NoError(t, Write(&p)(t.Context(), [][]byte{own}))
	require.Empty(t, p.got)
	require.ErrorIs(t, Write(&p)(t.Context(), [][]byte{own, raw}), p.err, "the event waits until the letter is written")
	require.Len(t, p.got, 1)
	require.Error(t, Write(&p)(t.Context(), [][]byte{[]byte("[")}))
}
